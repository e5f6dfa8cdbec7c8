// The rules of rules.ts applied to the real tree. A failure lists every violation, one sentence each.

import { existsSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import * as rules from "./rules.ts";
import { readTree, root } from "./tree.ts";

const files = readTree();

test("the tree was really read", (t) => {
  t.true(files.length > 30);
  t.true(files.some(({ imports }) => imports.some(({ target }) => target === "runtime/errors.ts")));
});

test("every relative import names a file that exists", (t) => {
  const missing = files
    .filter(({ path }) => !path.startsWith("test/"))
    .flatMap(({ path, imports }) => imports.map(({ target }) => ({ path, target })))
    .filter(({ target }) => target !== null && !existsSync(join(root, target)));
  t.deepEqual(missing, []);
});

test("imports go gateway → runtime → native, and functions import nothing of ours", (t) => {
  t.deepEqual(rules.importDirection(files), []);
});

test("the guest imports only runtime/wire, runtime/churn.ts and node:", (t) => {
  t.deepEqual(rules.guestStandsAlone(files), []);
});

test("nobody imports past a folder's front page", (t) => {
  t.deepEqual(rules.frontPages(files), []);
});

test("there are no import cycles", (t) => {
  t.deepEqual(rules.noCycles(files), []);
});

test("files are neither too long nor too short", (t) => {
  t.deepEqual(rules.fileSizes(files), []);
});

test("file names say what is inside", (t) => {
  t.deepEqual(rules.fileNames(files), []);
});

test("every file opens with a comment on what it holds", (t) => {
  t.deepEqual(rules.openingComments(files), []);
});

test("process.exit is called only at the ends of a program", (t) => {
  t.deepEqual(rules.exits(files), []);
});

test("only functions have default exports", (t) => {
  t.deepEqual(rules.noDefaultExports(files), []);
});
