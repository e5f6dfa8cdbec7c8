// The locks of an instance other than its system call filter: capabilities, limits, descriptors, Landlock scopes. Each is
// applied by the warden's own code in a process of its own, which then says what it is.

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import test from "ava";
import { compile, programDirectory } from "./compile.ts";

const directory = programDirectory();
test.after.always(() => directory[Symbol.dispose]());

const sources = ["caps.c", "limits.c", "fds.c", "landlock.c", "error.c"];
const emptySet = "0000000000000000";

for (const build of ["plain", "sanitized"] as const) {
  const program = compile(directory.path, "locks", sources, build);
  const locks = (...args: string[]): string =>
    // The leak check needs ptrace, which these processes have given up.
    spawnSync(program, args, { encoding: "utf8", env: { ASAN_OPTIONS: "detect_leaks=0" } }).stdout;
  const kept = (...numbers: number[]): string[] => {
    const answer = join(directory.path, `fds-${build}-${numbers.join("-")}`);
    locks("fds", answer, ...numbers.map(String));
    return readFileSync(answer, "utf8").trim().split("\n").sort();
  };

  test(`all five capability sets are empty and privileges cannot grow (${build})`, (t) => {
    const status = locks("caps");
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) t.is(field(status, set), emptySet, set);
    t.is(field(status, "NoNewPrivs"), "1");
  });

  test(`a bounding set that was forgotten is an error, not a hole (${build})`, (t) => {
    t.regex(locks("caps-late"), /^failed: check capabilities: capability 0 is still bounding: 1$/m);
  });

  test(`limits are what was asked, at most 1024 files, soft and hard alike (${build})`, (t) => {
    const wanted = {
      "Max core file size": 0,
      "Max pending signals": 1024,
      "Max locked memory": 65536,
      "Max msgqueue size": 0,
    };
    for (const [asked, files] of [
      [256, 256],
      [1_000_000, 1024],
    ] as const) {
      const limits = locks("limits", String(asked));
      for (const [name, value] of Object.entries({ ...wanted, "Max open files": files }))
        t.regex(limits, new RegExp(`^${name} +${value} +${value} `, "m"));
    }
  });

  test(`a limit of no files at all is refused with the value wanted (${build})`, (t) => {
    t.regex(locks("limits", "0"), /^failed: set resource limit: open files 0, wanted 1 to 1024: 22$/m);
  });

  test(`only the wanted descriptors stay, in their places and inheritable (${build})`, (t) => {
    t.deepEqual(kept(7, 6, 5), ["0=7", "1=6", "2=5"]);
    t.deepEqual(kept(), [""]);
  });

  test(`descriptors that stand in each other's places are not lost (${build})`, (t) => {
    t.deepEqual(kept(3, 2, 1, 0), ["0=3", "1=2", "2=1", "3=0"]);
    t.deepEqual(kept(1, 2, 3, 0), ["0=1", "1=2", "2=3", "3=0"]);
    t.deepEqual(kept(0, 1, 2, 3), ["0=0", "1=1", "2=2", "3=3"]);
    t.deepEqual(kept(2, 2, 2), ["0=2", "1=2", "2=2"]);
  });

  test(`a descriptor that is not open is named (${build})`, (t) => {
    t.deepEqual(kept(1, 999), ["failed: keep descriptor: 999, wanted as 1: 9"]);
  });

  test(`signals do not leave the scope where the kernel has Landlock scopes (${build})`, (t) => {
    const said = locks("landlock", String(process.pid));
    t.regex(said, /^before 0$/m);
    t.regex(said, /^itself 0$/m);
    const scopes = Number(/^abi (-?\d+)$/m.exec(said)?.[1]) >= 6;
    t.regex(said, scopes ? new RegExp(`^after ${constants.errno.EPERM}$`, "m") : /^after 0$/m);
  });

  test(`the lane answers every packet and leaks no descriptor (${build})`, (t) => {
    const lane = compile(directory.path, "lane", ["libtsfn.c"], build);
    t.deepEqual(execFileSync(lane, { encoding: "utf8" }).trim().split("\n"), [
      "nothing: EAGAIN request 0 leaked 0",
      "three: ok request 7 leaked 0 descriptors 3",
      "none: ok request 7 leaked 0 descriptors 0",
      "four of three: EMSGSIZE request 0 leaked 0",
      "sixty-four: EMSGSIZE request 0 leaked 0",
      "short: EPROTO request 0 leaked 0",
      "long: EPROTO request 0 leaked 0",
      "two of three: EMFILE request 7 leaked 0",
      "closed: EPIPE request 0 leaked 0",
      "no socket: EBADF request 0 leaked 0",
    ]);
  });
}

function field(status: string, name: string): string | undefined {
  return new RegExp(`^${name}:\\s+(\\S+)$`, "m").exec(status)?.[1];
}
