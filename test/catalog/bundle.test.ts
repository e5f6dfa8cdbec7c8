// From a directory to the files that are deployed: where the entry is looked for, what travels along, what is told when
// the code is wrong, and that the same input gives the same bytes.

import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import test from "ava";
import { type Bundle, bundleFunction, createBundler, loadSource } from "../../runtime/catalog/index.ts";
import { root } from "../architecture/tree.ts";
import { functionDirectory, temporaryDirectory, writeSource } from "../support/function-directory.ts";

const hello = `export default { fetch: () => new Response("hi") };\n`;
const named = { "tsfn.json": `{ "name": "hello" }` };

for (const [title, entry, files] of [
  ["it lies beside others", "index.ts", { "index.ts": hello, "src/index.ts": hello, "index.js": hello }],
  ["only src has TypeScript", "src/index.ts", { "src/index.ts": hello, "index.js": hello }],
  ["there is only JavaScript", "index.js", { "index.js": hello }],
  ["there is nothing else", "index.mjs", { "index.mjs": hello }],
  [
    "package.json names it",
    "lib/main.js",
    { "package.json": `{ "main": "./lib/main.js" }`, "lib/main.js": hello, "index.ts": hello },
  ],
  [
    "package.json names what is missing",
    "index.ts",
    { "package.json": `{ "main": "dist/missing.js" }`, "index.ts": hello },
  ],
  ["package.json points outside", "index.ts", { "package.json": `{ "main": "../outside.js" }`, "index.ts": hello }],
] as const) {
  test(`the entry is ${entry} where ${title}`, async (t) => {
    const source = await loadSource(functionDirectory(t, { ...named, ...files }));
    t.is(source.entry, entry);
    t.true(paths(await bundleFunction(source)).includes("index.mjs"));
  });
}

test("main in tsfn.json wins over everything", async (t) => {
  const dir = functionDirectory(t, {
    "tsfn.json": `{ "name": "a", "main": "b.ts" }`,
    "b.ts": hello,
    "index.ts": hello,
  });
  t.is((await loadSource(dir)).entry, "b.ts");
});

test("flags win over tsfn.json, and what is packed says so with its comments kept", async (t) => {
  const dir = functionDirectory(t, {
    "tsfn.json": `{ "name": "a", /* kept */ "env": { "A": "1" } }`,
    "index.ts": hello,
  });
  const source = await loadSource(dir, { name: "b", env: { A: "2", B: "3" } });
  t.is(source.manifest.name, "b");
  t.deepEqual(source.manifest.env, { A: "2", B: "3" });
  t.regex(source.manifestText, /kept/);
  await t.throwsAsync(loadSource(dir, { env: { "1A": "x" } }), { code: "USAGE", message: /--env "1A" cannot name/ });
});

test("a directory without tsfn.json gives the function its name", async (t) => {
  const dir = join(temporaryDirectory(t), "greeter");
  writeSource(dir, "index.ts", hello);
  const source = await loadSource(dir);
  t.is(source.manifest.name, "greeter");
  t.is(JSON.parse(source.manifestText).name, basename(dir));
});

for (const [title, files, message] of [
  ["an empty directory", {}, /holds no module to run; looked for index\.ts, src\/index\.ts, index\.js, index\.mjs$/],
  ["a main that is missing", { "tsfn.json": `{ "name": "a", "main": "x.ts" }` }, /main is "x\.ts", which is not there/],
  ["a broken package.json", { ...named, "package.json": "{" }, /\/package\.json is not JSON/],
] as const) {
  test(`${title} is refused as a source`, async (t) => {
    const dir = functionDirectory(t, { ...named, ...files });
    await t.throwsAsync(loadSource(dir), { code: "SOURCE_INVALID", message });
  });
}

test("a path that is missing, or a file, is refused as a source", async (t) => {
  const dir = functionDirectory(t, { "index.ts": hello });
  await t.throwsAsync(loadSource(join(dir, "nope")), { code: "SOURCE_INVALID", message: /there is no directory/ });
  await t.throwsAsync(loadSource(join(dir, "index.ts")), { code: "SOURCE_INVALID", message: /is not a directory/ });
});

test("files beside the code travel along; code, dotfiles, dependencies and settings do not", async (t) => {
  const dir = functionDirectory(t, {
    ...named,
    "index.ts": `import x from "./used.js"; import "dep"; export default x;`,
    "used.js": "export default 1",
    "unused.js": "not even JavaScript (",
    "unused.ts": "",
    "page.html": "<p>",
    "data/a.json": "{}",
    ".env": "SECRET=1",
    ".git/config": "",
    "node_modules/dep/index.js": "console.log(1)",
    "data/node_modules/x": "",
    "package-lock.json": "{}",
    "tsconfig.json": "{}",
    "tsconfig.build.json": "{}",
    "run.sh": "#!/bin/sh",
  });
  chmodSync(join(dir, "run.sh"), 0o700);
  const bundle = await bundleFunction(await loadSource(dir));
  t.deepEqual(paths(bundle), ["data/a.json", "index.mjs", "index.mjs.map", "page.html", "run.sh", "unused.js"]);
  t.deepEqual(
    bundle.files.filter(({ executable }) => executable).map(({ path }) => path),
    ["run.sh"],
  );
});

test("symbolic links, pipes and names the bundle takes are refused by name", async (t) => {
  const linked = functionDirectory(t, { ...named, "index.ts": hello });
  mkdirSync(join(linked, "data"));
  symlinkSync("/etc/passwd", join(linked, "data/users"));
  await t.throwsAsync(build(linked), {
    code: "SOURCE_INVALID",
    message: '"data/users" is a symbolic link; wanted the file itself',
  });
  const piped = functionDirectory(t, { ...named, "index.ts": hello });
  execFileSync("mkfifo", [join(piped, "pipe")]);
  await t.throwsAsync(build(piped), { code: "SOURCE_INVALID", message: /^"pipe" is a socket, pipe or device/ });
  const clashing = functionDirectory(t, { ...named, "index.ts": hello, "index.mjs": "" });
  await t.throwsAsync(build(clashing), { code: "SOURCE_INVALID", message: /^index\.mjs has the name of the bundle/ });
});

test("every mistake in the code is told with file, line and column in characters", async (t) => {
  const dir = functionDirectory(t, {
    ...named,
    "index.ts": `import "./a.ts";\nimport "no-such-package";\nimport "./no-such-file.ts";\n`,
    "a.ts": `const é = "é"; const x = ;\n`,
  });
  const error = await t.throwsAsync(build(dir), {
    code: "BUNDLE_FAILED",
    message: "bundling index.ts ended with 3 errors",
  });
  const { problems } = (error as unknown as { fields: { problems: readonly object[] } }).fields;
  t.deepEqual(problems, [
    { message: 'Unexpected ";"', file: "a.ts", line: 1, column: 26 },
    {
      message: 'Could not resolve "no-such-package"',
      file: "index.ts",
      line: 2,
      column: 8,
      hint: "Install it where the function is: npm install no-such-package",
    },
    {
      message: 'Could not resolve "./no-such-file.ts"',
      file: "index.ts",
      line: 3,
      column: 8,
      hint: "there is no such file in the function's directory",
    },
  ]);
});

test("the same input gives the same bytes in another directory, at another time, under another umask", async (t) => {
  const files = { ...named, "index.ts": `import "./b/c.js"; ${hello}`, "b/c.js": "require('fs')", "page.html": "<p>" };
  const first = functionDirectory(t, files);
  const second = functionDirectory(t, files);
  utimesSync(join(second, "index.ts"), 1, 1);
  chmodSync(join(second, "page.html"), 0o600);
  const [a, b] = [await build(first), await build(second)];
  t.deepEqual(built(a), built(b));
  for (const text of Object.values(built(a))) t.notRegex(text, /\/tmp|tsfn-test-/);
});

test("the map's sources are the paths that a person knows, with their text", async (t) => {
  const dir = functionDirectory(t, {
    ...named,
    "index.ts": `import "./lib/x.ts"; ${hello}`,
    "lib/x.ts": "console.log(1)",
  });
  const map = JSON.parse(built(await build(dir))["index.mjs.map"] ?? "");
  t.deepEqual(map.sources, ["lib/x.ts", "index.ts"]);
  t.is(map.sourcesContent[0], "console.log(1)");
});

test("a CommonJS dependency that requires Node's own modules works in the bundle", async (t) => {
  const dir = functionDirectory(t, {
    ...named,
    "index.ts": `import { sep } from "dep"; console.log("separator " + sep);`,
    "node_modules/dep/package.json": `{ "main": "index.cjs" }`,
    "node_modules/dep/index.cjs": `exports.sep = require("path").sep;`,
  });
  const out = temporaryDirectory(t);
  for (const [path, text] of Object.entries(built(await build(dir)))) writeFileSync(join(out, path), text);
  t.is(execFileSync(process.execPath, [join(out, "index.mjs")], { encoding: "utf8" }), "separator /\n");
});

test("a bundler rebuilds what changed, keeps its inputs when the code breaks, and goes on", async (t) => {
  const dir = functionDirectory(t, {
    ...named,
    "index.ts": `import { x } from "./x.ts"; console.log(x);`,
    "x.ts": "export const x = 1",
  });
  const bundler = await createBundler(await loadSource(dir));
  t.teardown(() => bundler.dispose());
  await bundler.rebuild();
  t.deepEqual(bundler.inputs.toSorted(), [join(dir, "index.ts"), join(dir, "x.ts")]);
  writeSource(dir, "x.ts", "export const x = ;");
  await t.throwsAsync(bundler.rebuild(), { code: "BUNDLE_FAILED" });
  t.is(bundler.inputs.length, 2);
  writeSource(dir, "x.ts", "export const x = 'second'");
  writeSource(dir, "added.txt", "asset");
  const bundle = await bundler.rebuild();
  t.regex(built(bundle)["index.mjs"] ?? "", /second/);
  t.true(paths(bundle).includes("added.txt"));
});

test("a process that has bundled ends by itself", (t) => {
  const dir = functionDirectory(t, { ...named, "index.ts": hello });
  const program = `
    import { bundleFunction, createBundler, loadSource } from ${JSON.stringify(join(root, "runtime/catalog/index.ts"))};
    const source = await loadSource(${JSON.stringify(dir)});
    await bundleFunction(source);
    const bundler = await createBundler(source);
    await bundler.rebuild();
    await bundler.dispose();
  `;
  const { status, signal } = spawnSync(process.execPath, ["--input-type=module", "-e", program], { timeout: 60_000 });
  t.deepEqual({ status, signal }, { status: 0, signal: null });
});

async function build(dir: string): Promise<Bundle> {
  return bundleFunction(await loadSource(dir));
}

function paths({ files }: Bundle): string[] {
  return files.map(({ path }) => path);
}

/** The text of what was built, by path. */
function built({ files }: Bundle): Record<string, string> {
  const inMemory = files.filter(({ content }) => typeof content !== "string");
  return Object.fromEntries(inMemory.map(({ path, content }) => [path, Buffer.from(content as Uint8Array).toString()]));
}
