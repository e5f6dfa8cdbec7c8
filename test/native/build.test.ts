// Building native/: what a machine without a toolchain is told, what the products are, and that the whole warden also
// compiles with the sanitizers and answers under them.

import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import test from "ava";
import { programDirectory } from "./compile.ts";

const native = join(import.meta.dirname, "../../native");
const directory = programDirectory();
test.after.always(() => directory[Symbol.dispose]());

const advice = [
  "apt-get install build-essential",
  "dnf install gcc make glibc-static",
  "apk add build-base linux-headers",
];

for (const { lacking, has, says } of [
  { lacking: "a compiler", has: ["make"], says: "there is no C compiler (cc)" },
  { lacking: "make", has: ["cc"], says: "there is no make" },
]) {
  test(`without ${lacking}, the build stops with one line that says what to install`, (t) => {
    const { status, stdout, stderr } = check(toolPath(lacking, has));
    t.is(status, 1);
    t.is(stdout, "");
    t.is(stderr.trim().split("\n").length, 1, stderr);
    for (const part of [says, ...advice]) t.true(stderr.includes(part), part);
  });
}

test("with a compiler that cannot link statically, the line says so", (t) => {
  const path = toolPath("static libc", ["make"]);
  writeFileSync(join(path, "cc"), "#!/bin/sh\necho cannot find -lc >&2\nexit 1\n");
  chmodSync(join(path, "cc"), 0o755);
  const { status, stderr } = check(path);
  t.is(status, 1);
  t.regex(stderr, /cannot link a static program/);
  t.is(stderr.trim().split("\n").length, 1, stderr);
});

test("with a toolchain, the check is silent", (t) => {
  t.deepEqual(check(process.env.PATH ?? ""), { status: 0, stdout: "", stderr: "" });
});

test("the warden is static, position independent and fully relocated at start", (t) => {
  const headers = execFileSync("readelf", ["-W", "-l", "-d", "-h", join(native, "build/warden")], { encoding: "utf8" });
  t.notRegex(headers, /INTERP/, "it asks for a dynamic loader");
  t.regex(headers, /Type:\s+DYN/);
  t.regex(headers, /GNU_RELRO/);
  t.regex(headers, /BIND_NOW/);
  t.regex(headers, /GNU_STACK.* RW /);
});

test("libtsfn shows Node nothing but its own functions", (t) => {
  const symbols = execFileSync("nm", ["-D", "--defined-only", join(native, "build/libtsfn.so")], { encoding: "utf8" });
  t.deepEqual(
    symbols
      .trim()
      .split("\n")
      .filter((line) => !/ T (tsfn_\w+|mmap64)$/.test(line)),
    [],
  );
});

test("the warden built with the sanitizers probes the kernel without a fault", (t) => {
  execFileSync("make", ["--silent", "sanitize", `BUILD=${directory.path}`], { cwd: native });
  const { status, stdout, stderr } = spawnSync(join(directory.path, "warden-sanitize"), ["--probe"], {
    encoding: "utf8",
    // The leak check needs ptrace, which the trial of the filter has given up.
    env: { ASAN_OPTIONS: "detect_leaks=0" },
  });
  t.is(stderr, "");
  t.is(status, 0, stdout);
});

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function check(path: string): Outcome {
  const script = join(native, "build.sh");
  const { status, stdout, stderr } = spawnSync("/bin/sh", [script, "--check"], {
    encoding: "utf8",
    env: { PATH: path },
  });
  return { status, stdout, stderr };
}

/** A PATH of one directory that holds what a bare system has, and `extra`. */
function toolPath(name: string, extra: readonly string[]): string {
  const path = join(directory.path, `without ${name}`);
  mkdirSync(path);
  for (const tool of ["dirname", "mkdir", "rm", ...extra]) symlinkSync(find(tool), join(path, tool));
  return path;
}

function find(tool: string): string {
  const places = (process.env.PATH ?? "").split(delimiter).map((place) => join(place, tool));
  const found = places.find((place) => existsSync(place));
  if (found === undefined) throw new Error(`no ${tool} on PATH`);
  return found;
}
