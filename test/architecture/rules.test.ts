// Each rule of rules.ts shown to fail on a tree that breaks it, and to pass on its neighbour that does not.

import test from "ava";
import * as rules from "./rules.ts";
import { type SourceFile, sourceFile } from "./tree.ts";

const tree = (files: Readonly<Record<string, string>>): SourceFile[] =>
  Object.entries(files).map(([path, text]) => sourceFile(path, text));

test("runtime may not import gateway, gateway may import runtime", (t) => {
  t.is(
    rules.importDirection(tree({ "runtime/pool/pool.ts": 'import { a } from "../../gateway/index.ts";' })).length,
    1,
  );
  t.deepEqual(rules.importDirection(tree({ "gateway/invoke.ts": 'import { a } from "../runtime/index.ts";' })), []);
});

test("a function may not import the runtime, but its own files", (t) => {
  t.is(rules.importDirection(tree({ "functions/a/index.ts": 'import "../../runtime/index.ts";' })).length, 1);
  t.deepEqual(rules.importDirection(tree({ "functions/a/index.ts": 'import "./b.ts";' })), []);
});

test("dynamic, type-only and multi-line imports are seen", (t) => {
  const text =
    'import {\n  a,\n  b,\n} from "./x.ts";\nimport type { c } from "./y.ts";\nconst z = await import("./z.ts");\n';
  t.deepEqual(
    sourceFile("runtime/a.ts", text).imports.map(({ target, typeOnly }) => [target, typeOnly]),
    [
      ["runtime/x.ts", false],
      ["runtime/y.ts", true],
      ["runtime/z.ts", false],
    ],
  );
});

test("the guest may import the wire and what both sides keep things in, but neither packages nor the daemon", (t) => {
  const imports = (specifier: string) =>
    rules.guestStandsAlone(tree({ "runtime/guest/main.ts": `import "${specifier}";` }));
  t.deepEqual(imports("../wire/index.ts"), []);
  t.deepEqual(imports("../churn.ts"), []);
  t.deepEqual(imports("node:net"), []);
  t.is(imports("esbuild").length, 1);
  t.is(imports("../errors.ts").length, 1);
});

test("a folder is entered through its front page only", (t) => {
  const imports = (specifier: string) => rules.frontPages(tree({ "gateway/invoke.ts": `import "${specifier}";` }));
  t.is(imports("../runtime/pool/policy.ts").length, 1);
  t.deepEqual(imports("../runtime/pool/index.ts"), []);
  t.deepEqual(imports("../runtime/errors.ts"), []);
  t.deepEqual(rules.frontPages(tree({ "runtime/pool/a.ts": 'import "../runtime.ts";' })), []);
});

test("a cycle is named with its whole trail, types apart", (t) => {
  const cycle = { "runtime/a.ts": 'import "./b.ts";', "runtime/b.ts": 'import "./a.ts";' };
  t.deepEqual(rules.noCycles(tree(cycle)), ["runtime/a.ts → runtime/b.ts → runtime/a.ts"]);
  t.deepEqual(rules.noCycles(tree({ ...cycle, "runtime/b.ts": 'import type { a } from "./a.ts";' })), []);
});

test("sizes have a floor and a ceiling", (t) => {
  const sized = (path: string, lines: number) => rules.fileSizes(tree({ [path]: "x\n".repeat(lines) })).length;
  t.is(sized("runtime/a.ts", 301), 1);
  t.is(sized("runtime/a.ts", 300), 0);
  t.is(sized("native/a.c", 401), 1);
  t.is(sized("runtime/a.ts", 14), 1);
  t.is(sized("runtime/index.ts", 1), 0);
});

test("vague and misspelt names are refused", (t) => {
  for (const path of [
    "runtime/utils.ts",
    "runtime/log-helpers.ts",
    "runtime/common/a.ts",
    "runtime/aB.ts",
    "native/a-b.c",
  ]) {
    t.is(rules.fileNames(tree({ [path]: "" })).length, 1, path);
  }
  t.deepEqual(rules.fileNames(tree({ "runtime/pool/waiting-line.ts": "", "native/cgroup_v1.c": "" })), []);
});

test("a file without an opening comment, an exit in the middle and a default export are found", (t) => {
  t.is(rules.openingComments(tree({ "runtime/a.ts": "export const a = 1;" })).length, 1);
  t.is(rules.exits(tree({ "runtime/a.ts": "process.exit(1);" })).length, 1);
  t.deepEqual(
    rules.exits(tree({ "runtime/a.ts": "// process.exit(1)\n", "gateway/tsfnd.ts": "process.exit(1);" })),
    [],
  );
  t.is(rules.noDefaultExports(tree({ "runtime/a.ts": "export default 1;" })).length, 1);
});
