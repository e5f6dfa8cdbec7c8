// Manifests that are no JSON with comments, by what is wrong with them. What a person is told about each is in
// ../snapshots/broken.test.ts.md.

export const brokenSyntax: Readonly<Record<string, string>> = {
  "an empty file": "",

  "a file of comments only": "// to be done\n",

  "a list instead of an object": `["hello"]`,

  "text that is no JSON": "name = hello\n",

  YAML: "name: hello\nlimits:\n  memory: 128mb\n",

  "a missing comma between two keys": `{
  "name": "hello"
  "concurrency": 2
}
`,

  "a missing colon": `{
  "name" "hello"
}
`,

  "a missing value": `{
  "name": ,
  "concurrency": 2
}
`,

  "a missing closing brace": `{
  "name": "hello",
  "limits": { "memory": "128mb"
}
`,

  "a closing brace too many": `{
  "name": "hello"
} }
`,

  "a bracket closed by a brace": `{
  "secrets": ["STRIPE_KEY" }
`,

  "a key without quotes": `{
  name: "hello"
}
`,

  "single quotes": `{
  'name': 'hello'
}
`,

  "a string without its end": `{
  "name": "hello,
  "concurrency": 2
}
`,

  "a comment without its end": `{
  "name": "hello" /* the name
}
`,

  "a comment of another language": `{
  "name": "hello" # the name
}
`,

  "an escape that JSON has not": String.raw`{
  "env": { "PATTERN": "\d+" }
}
`,

  "a tab inside a string": `{
  "env": { "GREETING": "hi	there" }
}
`,

  "a number with a leading zero and one with a plus": `{
  "concurrency": 02,
  "scaling": { "min": +1 }
}
`,

  "words of other languages": `{
  "main": undefined,
  "concurrency": NaN,
  "env": { "DEBUG": True }
}
`,

  "two documents": `{ "name": "hello" }
{ "name": "other" }
`,

  "a merge that was not finished": `{
<<<<<<< HEAD
  "name": "hello",
=======
  "name": "other",
>>>>>>> other
}
`,
};
