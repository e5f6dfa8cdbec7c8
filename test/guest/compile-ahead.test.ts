// A module is compiled as a whole before it is called; what is loaded after it is not. V8 itself says what it has compiled.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import test from "ava";
import { root } from "../architecture/tree.ts";
import { temporaryDirectory } from "../support/function-directory.ts";

test("V8 has compiled a module's functions before any is called, but not those of what it imports, nor of a large one", (t) => {
  const directory = temporaryDirectory(t);
  const path = (name: string) => join(directory, name);
  const url = (name: string) => JSON.stringify(pathToFileURL(path(name)).href);
  writeFileSync(path("imported.mjs"), "export function imported() { return 1; }");
  const source = `export { imported } from "./imported.mjs"; export function own() { return 2; }`;
  writeFileSync(path("small.mjs"), source);
  writeFileSync(path("large.mjs"), `${source} // ${"x".repeat(2 ** 20)}`);
  writeFileSync(path("later.mjs"), "export function later() { return 3; }");
  // kIsLazy in V8's OptimizationStatus (src/runtime/runtime.h).
  const program = `
    const { importCompiled } = await import(${JSON.stringify(pathToFileURL(join(root, "runtime/guest/compile-ahead.ts")).href)});
    const { own, imported } = await importCompiled(${url("small.mjs")});
    const { own: large } = await importCompiled(${url("large.mjs")});
    const { later } = await import(${url("later.mjs")});
    const isLazy = (status) => (status & (1 << 17)) !== 0;
    console.log(JSON.stringify({ own: isLazy(%GetOptimizationStatus(own)), imported: isLazy(%GetOptimizationStatus(imported)),
      large: isLazy(%GetOptimizationStatus(large)), later: isLazy(%GetOptimizationStatus(later)) }));
  `;
  const told = execFileSync(
    process.execPath,
    ["--allow-natives-syntax", "--input-type=module", "--no-warnings", "--eval", program],
    { encoding: "utf8" },
  );
  t.deepEqual(JSON.parse(told), { own: false, imported: true, large: true, later: true });
});
