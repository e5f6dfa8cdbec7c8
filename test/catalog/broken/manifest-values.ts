// Manifests that are JSON but say what cannot be, by what is wrong with them. What a person is told about each is in
// ../snapshots/broken.test.ts.md; ../manifest.test.ts has the bounds of every value.

export const brokenValues: Readonly<Record<string, string>> = {
  "a key twice": `{
  "name": "hello",
  "name": "other"
}
`,

  "a variable twice": `{
  "env": { "A": "1", "B": "2", "A": "3" }
}
`,

  "a key with a slip in it": `{
  "concurency": 2
}
`,

  "a key of limits with a slip in it": `{
  "limits": { "memroy": "128mb", "timout": "3s" }
}
`,

  "a key of limits outside of limits": `{
  "memory": "128mb"
}
`,

  "a key in another case": `{
  "Name": "hello"
}
`,

  "a key in snake case": `{
  "scaling": { "idle_timeout": "10s" }
}
`,

  "a key that is like none": `{
  "cron": "* * * * *"
}
`,

  "the keys of another tool": `{
  "memorySize": 128,
  "handler": "index.handler",
  "runtime": "nodejs22.x"
}
`,

  "a name with capitals and spaces": `{
  "name": "My Function"
}
`,

  "a name that climbs": `{
  "name": "../etc"
}
`,

  "a name of 64 characters": `{
  "name": "${"a".repeat(64)}"
}
`,

  "a name with a terminal's escape": String.raw`{
  "name": "\u001b[31mred"
}
`,

  "a main outside of the directory": `{
  "main": "../other/index.ts"
}
`,

  "an absolute main": `{
  "main": "/srv/index.ts"
}
`,

  "a main of another type": `{
  "main": ["index.ts"]
}
`,

  "a handler with a slip in it": `{
  "handler": "lamda"
}
`,

  "a handler that is none": `{
  "handler": "index.handler"
}
`,

  "a Node that is too old": `{
  "runtime": "node22"
}
`,

  "a runtime of another platform": `{
  "runtime": "python3.13"
}
`,

  "a network of another platform": `{
  "network": "host"
}
`,

  "destinations as URLs, without ports, of the machine itself": `{
  "network": [
    "https://api.example.com",
    "api.example.com",
    "localhost:5432",
    "2001:db8::1:443"
  ]
}
`,

  "env as a list": `{
  "env": ["GREETING=hi"]
}
`,

  "variables that are no strings": `{
  "env": { "PORTS": [80], "DEBUG": true, "LEVEL": 3, "NONE": null }
}
`,

  "a variable with a name that no shell takes": `{
  "env": { "MY-VAR": "1", "2ND": "2", "": "3" }
}
`,

  "a variable that tsfn sets": `{
  "env": { "TSFN_MEMORY_MB": "1024", "K_SERVICE": "mine" }
}
`,

  "more environment than fits": `{
  "env": { "BLOB": "${"x".repeat(40_000)}" }
}
`,

  "a secret that is a variable too": `{
  "env": { "STRIPE_KEY": "none" },
  "secrets": ["STRIPE_KEY"]
}
`,

  "a secret twice": `{
  "secrets": ["STRIPE_KEY", "STRIPE_KEY"]
}
`,

  "secrets with their values": `{
  "secrets": { "STRIPE_KEY": "sk_live_1" }
}
`,

  "limits as text": `{
  "limits": "128mb"
}
`,

  "sizes that are none": `{
  "limits": { "memory": 128, "disk": "64 megabytes", "body": "6mbit" }
}
`,

  "a duration without a unit": `{
  "limits": { "timeout": 30 },
  "scaling": { "idleTimeout": "60" }
}
`,

  "a size where a duration belongs": `{
  "limits": { "timeout": "30mb" }
}
`,

  "values below their least": `{
  "limits": { "memory": "8mb", "cpus": 0, "timeout": "1ms", "disk": "1kb", "pids": 1 },
  "concurrency": 0
}
`,

  "values above their most": `{
  "limits": { "memory": "128gb", "cpus": 100, "timeout": "1h", "disk": "1024gb", "pids": 100000, "body": "2048gb" },
  "concurrency": 100000
}
`,

  "parts of a process": `{
  "limits": { "pids": 16.5 },
  "concurrency": 1.5
}
`,

  "more instances at least than at most": `{
  "scaling": { "min": 5, "max": 2 }
}
`,

  "more instances at least than at most by default": `{
  "scaling": { "min": 300 }
}
`,

  "overlapping invocations in processes of their own": `{
  "reuse": "never",
  "concurrency": 4
}
`,

  "settings of Node's for a program that brings its runtime": `{
  "runtime": "provided",
  "main": "index.ts",
  "handler": "fetch",
  "prefork": "function"
}
`,

  "values nested without end": `{
  "env": ${"[".repeat(100)}
}
`,

  "a file that is too large": `{
  "name": "hello" ${" ".repeat(300_000)}
}
`,

  "many mistakes at once": `{
  // of every kind
  "nmae": "hello",
  "limits": { "memory": "lots", "cpus": "two", "cpu": 2 },
  "env": { "PORT": 8080, "9LIVES": "cat" },
  "concurrency": -1,
  "reuse": "sometimes",
  "prefork": "yes",
  "scaling": { "min": 10, "max": 0 }
}
`,
};
