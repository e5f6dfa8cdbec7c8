// Claims about zip archives that become packages: what is deployed from them, and what is refused.

import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { packZip, unpackFunction } from "../../runtime/catalog/index.ts";
import { temporaryDirectory } from "../support/function-directory.ts";
import { zipOf } from "../support/zip.ts";

const manifestText = JSON.stringify({ name: "zipped" });

async function unpack(t: ExecutionContext, archive: Buffer, handler = "index.handler") {
  const { stagedDir } = await unpackFunction(await packZip({ archive, handler, manifestText }), temporaryDirectory(t));
  return { read: (path: string) => readFileSync(join(stagedDir, "app", path), "utf8"), stagedDir };
}

test("the files of an archive are deployed as they are, with their modes", async (t) => {
  const archive = zipOf({
    "index.mjs": "export const handler = () => 1;",
    "lib/": "",
    "lib/tool": { text: "#!/bin/sh\n", mode: 0o100755 },
    "node_modules/a/index.js": "x",
  });
  const { read, stagedDir } = await unpack(t, archive);
  t.is(read("index.mjs"), "export const handler = () => 1;");
  t.is(read("node_modules/a/index.js"), "x");
  t.is(statSync(join(stagedDir, "app/lib/tool")).mode & 0o777, 0o755);
  t.is(statSync(join(stagedDir, "app/index.mjs")).mode & 0o777, 0o644);
});

test("a handler in another file, or in CommonJS, is reached through a module of ours", async (t) => {
  for (const [file, code] of [
    ["src/app.js", "exports.main = () => 'main';"],
    ["src/app.cjs", "module.exports = { main: () => 'main' };"],
    ["src/app.mjs", "export const main = () => 'main';"],
  ] as const) {
    const { stagedDir } = await unpack(t, zipOf({ [file]: code }), "src/app.main");
    const module = await import(join(stagedDir, "app/index.mjs"));
    t.is(module.handler(), "main", file);
  }
});

test("what is no archive of a function is refused with what was found", async (t) => {
  const cases: readonly (readonly [string, Buffer, string, RegExp])[] = [
    ["garbage", Buffer.from("no zip at all"), "index.handler", /cannot be read/],
    ["nothing", Buffer.alloc(0), "index.handler", /cannot be read/],
    ["no such file", zipOf({ "a.js": "" }), "index.handler", /holds no index\.mjs, index\.js or index\.cjs/],
    ["two entries", zipOf({ "a.js": "", "index.mjs": "" }), "a.handler", /an index\.mjs besides/],
    ["no export in the handler", zipOf({ "a.js": "" }), "handler", /wanted file\.export/],
    ["a link", zipOf({ "index.mjs": "", link: { text: "/etc/passwd", mode: 0o120777 } }), "index.handler", /is a link/],
    ["a way out", zipOf({ "index.mjs": "", "../../out": "" }), "index.handler", /invalid relative path/],
    ["an absolute path", zipOf({ "index.mjs": "", "/etc/out": "" }), "index.handler", /absolute path/],
  ];
  for (const [name, archive, handler, message] of cases) {
    await t.throwsAsync(unpack(t, archive, handler), { code: "PACKAGE_INVALID", message }, name);
  }
});

test("an archive that says less than it unpacks to is refused", async (t) => {
  const archive = zipOf({ "index.mjs": "x".repeat(100_000) });
  // The size in the central directory: 24 bytes into its record.
  archive.writeUInt32LE(10, archive.indexOf(Buffer.from("PK\u0001\u0002", "latin1")) + 24);
  await t.throwsAsync(unpack(t, archive), { code: "PACKAGE_INVALID" });
});
