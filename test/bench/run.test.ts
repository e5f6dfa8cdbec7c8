// The benchmark's command line: mistakes are told with what was found and what is wanted, and cost no measurement.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import test from "ava";
import { root } from "../architecture/tree.ts";

const bench = (...args: string[]) =>
  spawnSync(process.execPath, [join(root, "bench/run.ts"), ...args], { encoding: "utf8" });

test("an unknown scenario exits with 2 and names the scenarios", (t) => {
  for (const args of [["tepid"], ["cold", "hot"], ["cold", "--readme", "result"]]) {
    const { status, stderr, stdout } = bench(...args);
    t.is(status, 2, stderr);
    t.regex(stderr, /^error: .*wanted/);
    t.regex(stderr, /\bcold\b/);
    t.is(stdout, "");
  }
});

test("an unknown flag and a wrong number exit with 2", (t) => {
  t.is(bench("cold", "--fast").status, 2);
  const { status, stderr } = bench("cold", "--repeat", "many");
  t.is(status, 2);
  t.regex(stderr, /--repeat is "many"; wanted a whole number/);
});

test("--help shows the usage on stdout", (t) => {
  const { status, stdout } = bench("--help");
  t.is(status, 0);
  t.regex(stdout, /usage: npm run bench/);
});
