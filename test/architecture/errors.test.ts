// docs/errors.md is the catalogue for people: its tables hold one row per code of runtime/errors.ts, in the same order.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { catalogue } from "../../runtime/errors.ts";
import { root } from "./tree.ts";

const rows = readFileSync(join(root, "docs/errors.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| `"));

const expected = Object.entries(catalogue).map(
  ([code, { status, exitCode, retryable, title, hint }]) =>
    `| \`${code}\` | ${status} | ${exitCode} | ${retryable ? "yes" : "no"} | ${title} | ${hint} |`,
);

test("docs/errors.md has exactly the rows of the catalogue", (t) => {
  t.deepEqual(rows, expected);
});

test("every status and exit code is one that is documented", (t) => {
  for (const [code, { status, exitCode }] of Object.entries(catalogue)) {
    t.true(status >= 400 && status < 600, code);
    t.true([1, 2, 3, 4, 5, 6, 7, 8].includes(exitCode), code);
  }
});
