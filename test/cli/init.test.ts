// Where `tsfn init` cannot make its directory: the user is told which one and why, soon, and as the user's own mistake.

import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { runCommand } from "../support/command.ts";
import { passableDirectory } from "../support/function-directory.ts";

test("a place where no directory can be made is the user's error, which names it", async (t) => {
  const base = passableDirectory(t);
  symlinkSync(join(base, "nowhere"), join(base, "dangling"));
  writeFileSync(join(base, "file"), "");
  for (const place of [
    join(base, "dangling"),
    join(base, "dangling/below"),
    join(base, "file"),
    join(base, "file/below"),
    "/proc/x",
    "/proc/x/below",
    join(base, "x".repeat(60), "/y".repeat(2_100)),
  ]) {
    const { code, stdout, stderr } = await runCommand(["init", place.replace(/\/$/, ""), "-y"]);
    t.is(code, 2, stderr);
    t.is(stdout, "");
    t.true(stderr.includes(place), stderr);
    t.regex(stderr, /^error: .*\nwhy: {3}.*; wanted .*\nfix: {3}Name another directory.*\ndocs: .*#USAGE\n$/, place);
  }
});

test("a directory above that the user may not write is not allowed, whether the new one is there or not", async (t) => {
  const base = passableDirectory(t);
  chmodSync(base, 0o755);
  const asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME=/nonexistent"];
  for (const [place, mode] of [
    [join(base, "open/x"), 0o755],
    [join(base, "closed/x"), 0o700],
  ] as const) {
    const above = join(place, "..");
    mkdirSync(above);
    chownSync(above, 0, 0);
    chmodSync(above, mode);
    const { code, stderr } = await runCommand(["init", place, "-y"], { within: asNobody });
    t.is(code, 4, stderr);
    t.true(stderr.includes(`${place} cannot be made: EACCES`), stderr);
    t.regex(stderr, /\nfix: {3}Name another directory.*\ndocs: .*#NOT_ALLOWED\n$/);
  }
});
