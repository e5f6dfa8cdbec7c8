// Directories of functions with a mistake in each, by what is wrong with them. What a person is told about each is in
// ../snapshots/broken.test.ts.md.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface BrokenSource {
  readonly title: string;
  /** The text of each file, by its path in the directory. */
  readonly files?: Readonly<Record<string, string>>;
  /** What no text can say. */
  readonly spoil?: (directory: string) => void;
}

const good = `export default { fetch: () => new Response("hi") };\n`;
const hello = { "index.ts": good };
const provided = { "tsfn.json": `{\n  "runtime": "provided"\n}\n` };

export const brokenSources: readonly BrokenSource[] = [
  { title: "there is no directory", spoil: (directory) => rmSync(directory, { recursive: true }) },
  {
    title: "the directory is a file",
    spoil: (directory) => {
      rmSync(directory, { recursive: true });
      writeFileSync(directory, good);
    },
  },
  { title: "the directory is a link to nothing", spoil: (directory) => relink(directory, "/nonexistent") },
  { title: "the directory is empty" },
  { title: "there is only a manifest", files: { "tsfn.json": "{}\n" } },
  { title: "there are only files of another language", files: { "main.py": "print(1)\n" } },
  { title: "the entry has another name", files: { "server.ts": good } },
  { title: "index.ts is a directory", spoil: (directory) => mkdirSync(join(directory, "index.ts")) },
  { title: "index.ts is a link", spoil: (directory) => symlinkSync("/etc/hostname", join(directory, "index.ts")) },
  {
    title: "main names a file that is not there",
    files: { ...hello, "tsfn.json": `{\n  "name": "hello",\n  "main": "src/server.ts"\n}\n` },
  },
  {
    title: "main names a directory",
    files: { "src/index.ts": good, "tsfn.json": `{ "main": "src" }\n` },
  },
  {
    title: "main names a file of another language",
    files: { "tsfn.json": `{ "main": "main.py" }\n`, "main.py": "print(1)\n" },
  },
  { title: "tsfn.json is a directory", files: hello, spoil: (directory) => mkdirSync(join(directory, "tsfn.json")) },
  {
    title: "tsfn.json is a link",
    files: hello,
    spoil: (directory) => symlinkSync("/etc/hostname", join(directory, "tsfn.json")),
  },
  {
    title: "tsfn.json has two mebibytes",
    files: { ...hello, "tsfn.json": "{}" },
    spoil: (directory) => truncateSync(join(directory, "tsfn.json"), 2 ** 21),
  },
  { title: "package.json is cut off", files: { ...hello, "package.json": `{\n  "main": "index.ts",\n` } },
  { title: "package.json has a comment", files: { ...hello, "package.json": `{\n  // ours\n  "type": "module"\n}\n` } },

  { title: "a syntax error", files: { "index.ts": `export const GET = () => {\n  const x = ;\n};\n` } },
  {
    title: "a brace that is not closed",
    files: { "index.ts": `export const GET = () => {\n  return new Response();\n` },
  },
  { title: "a string that is not closed", files: { "index.ts": `const greeting = "hello;\n${good}` } },
  { title: "a template that is not closed", files: { "index.ts": "const greeting = `hello;\n" } },
  { title: "HTML instead of a program", files: { "index.ts": "<!doctype html>\n<p>hello</p>\n" } },
  {
    title: "await where it cannot be",
    files: { "index.ts": `export const GET = () => { await fetch("http://a"); };\n` },
  },
  { title: "a name declared twice", files: { "index.ts": `const a = 1;\nconst a = 2;\n${good}` } },
  { title: "a constant that is assigned to", files: { "index.ts": `const a = 1;\na = 2;\n${good}` } },
  { title: "two default exports", files: { "index.ts": `${good}${good}` } },
  { title: "a merge that was not finished", files: { "index.ts": `<<<<<<< HEAD\n${good}=======\n>>>>>>> other\n` } },
  { title: "JSX in a file named .ts", files: { "index.ts": `export const GET = () => <p>hello</p>;\n` } },
  {
    title: "JSX in a file named .js",
    files: { "index.js": `export const GET = () => <p>hello</p>;\n` },
  },
  {
    title: "a module that is not there",
    files: { "index.ts": `import { a } from "./lib/a.ts";\nexport const GET = a;\n` },
  },
  {
    title: "a module with a slip in its name",
    files: { "index.ts": `import "./greting.ts";\n${good}`, "greeting.ts": "" },
  },
  {
    title: "a package that is not installed",
    files: { "index.ts": `import { Hono } from "hono";\nexport default new Hono();\n` },
  },
  {
    title: "a part of a package that is not installed",
    files: { "index.ts": `import "@hono/node-server/vercel";\n${good}` },
  },
  {
    title: "a module of Node's that is none",
    files: { "index.ts": `import "node:filesystem";\nimport "node:utils";\n${good}` },
  },
  {
    title: "a package of another runtime",
    files: { "index.ts": `import "bun:sqlite";\nimport "jsr:@std/http";\n${good}` },
  },
  { title: "an import over HTTP", files: { "index.ts": `import "https://esm.sh/hono";\n${good}` } },
  {
    title: "a package that does not export what is imported",
    files: {
      "index.ts": `import { a } from "dep/inner";\nexport const GET = a;\n`,
      "node_modules/dep/package.json": `{ "name": "dep", "exports": { ".": "./index.js" } }`,
      "node_modules/dep/index.js": "export const a = 1;",
      "node_modules/dep/inner.js": "export const a = 1;",
    },
  },
  {
    title: "a name that a module does not export",
    files: {
      "index.ts": `import { gret } from "./greet.ts";\nexport const GET = gret;\n`,
      "greet.ts": "export const greet = 1;\n",
    },
  },
  {
    title: "JSON that does not parse",
    files: {
      "index.ts": `import data from "./data.json";\nexport const GET = () => Response.json(data);\n`,
      "data.json": "{ a: 1 }\n",
    },
  },
  { title: "a picture is imported", files: { "index.ts": `import "./logo.png";\n${good}`, "logo.png": "\u0089PNG" } },
  { title: "a page of HTML is imported", files: { "index.ts": `import "./page.html";\n${good}`, "page.html": "<p>" } },
  { title: "a tsconfig.json that does not parse", files: { ...hello, "tsconfig.json": `{ "compilerOptions": { }\n` } },
  {
    title: "mistakes in several modules",
    files: {
      "index.ts": `import "./a.ts";\nimport "./b.ts";\nimport "left-pad";\n${good}`,
      "a.ts": "const é = 1; const = 2;\n",
      "b.ts": `export const b = "\n`,
    },
  },

  {
    title: "a link among the files",
    files: hello,
    spoil: (directory) => symlinkSync("/etc/passwd", join(directory, "users.txt")),
  },
  {
    title: "a pipe among the files",
    files: hello,
    spoil: (directory) => execFileSync("mkfifo", [join(directory, "in")]),
  },
  {
    title: "a file name that is no UTF-8",
    files: hello,
    spoil: (directory) => writeFileSync(Buffer.concat([Buffer.from(`${directory}/gr`), Buffer.of(0xfc, 0xdf)]), ""),
  },
  { title: "a file with the name of the bundle", files: { ...hello, "index.mjs": good } },
  {
    title: "more files than may be",
    files: hello,
    spoil: (directory) => {
      for (let number = 0; number <= 10_000; number += 1) writeFileSync(join(directory, `${number}.txt`), "");
    },
  },
  {
    title: "a file that is too large",
    files: { ...hello, "model.bin": "" },
    spoil: (directory) => truncateSync(join(directory, "model.bin"), 600 * 2 ** 20),
  },

  { title: "a program that is not there", files: { ...provided, ...hello } },
  { title: "a program that is not executable", files: { ...provided, bootstrap: "#!/app/bin/sh\n" } },
  {
    title: "a program that is a directory",
    files: { ...provided, "bootstrap/main.sh": "#!/app/bin/sh\n" },
  },
  {
    title: "a program that is a link",
    files: { ...provided, "main.sh": "#!/app/bin/sh\n" },
    spoil: (directory) => symlinkSync("main.sh", join(directory, "bootstrap")),
  },
];

/** Found by a user who may not read what they are about. */
export const unreadableSources: readonly BrokenSource[] = [
  ["tsfn.json", { ...hello, "tsfn.json": "{}" }] as const,
  ["package.json", { ...hello, "package.json": "{}" }] as const,
  ["index.ts", hello] as const,
  ["data", { ...hello, "data/a.txt": "" }] as const,
  ["page.html", { ...hello, "page.html": "<p>" }] as const,
].map(([path, files]) => ({
  title: `${path} cannot be read`,
  files,
  spoil: (directory) => chmodSync(join(directory, path), 0),
}));

function relink(directory: string, target: string): void {
  rmSync(directory, { recursive: true });
  symlinkSync(target, directory);
}
