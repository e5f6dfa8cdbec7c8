// The filters of instances and zygotes, judged three ways: simulated for every call of every architecture, swept for real from inside, and
// compared with what libseccomp makes of the list today. programs.test.ts runs real programs under it.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { join } from "node:path";
import test from "ava";
import fc from "fast-check";
import { type Call, decode, type Program, run } from "./bpf-machine.ts";
import { compile, programDirectory } from "./compile.ts";
import {
  conditionalCalls,
  expected,
  interestingValues,
  namedCalls,
  type Role,
  roles,
  type Verdict,
} from "./filter-expectations.ts";
import { architectures, auditArm, auditI386, ownArchitecture, x32Bit } from "./syscall-numbers.ts";

const native = join(import.meta.dirname, "../../native");
const directory = programDirectory();
test.after.always(() => directory[Symbol.dispose]());

const lastNumber = 600;
const allNumbers = Array.from({ length: lastNumber + 1 }, (_, number) => number);
const unconditional = [[], [1n, 1n, 1n, 1n, 1n, 1n], Array<bigint>(6).fill(2n ** 64n - 1n)];

/** Linux 6.14 lets uretprobe and uprobe of x86-64 past every filter and raises SIGILL itself when a program calls them. */
const beforeAnyFilter: ReadonlySet<number> = new Set(process.arch === "x64" ? [335, 336] : []);

const errnos = new Map<number, Verdict>(
  (["EPERM", "EINVAL", "ENOSYS", "EAFNOSUPPORT", "EPROTONOSUPPORT"] as const).map((name) => [errnoOf(name), name]),
);

for (const [role, architecture] of roles.flatMap((each) => architectures().map((its) => [each, its] as const))) {
  const filter = `${role}, ${architecture.name}`;
  const program = readFilter(role, architecture.name);
  const judge = (number: number, args: readonly bigint[], arch = architecture.audit): Verdict =>
    verdictOf(run(program, { arch, number, args }).value);

  test(`${filter}: the filter says what is expected to every call`, (t) => {
    const wrong = allNumbers.flatMap((number) => {
      const name = architecture.calls.get(number);
      return argumentsFor(name)
        .filter((args) => judge(number, args) !== expected(name, args, role))
        .map(
          (args) =>
            `${name ?? number}(${args.join(", ")}): ${judge(number, args)}, wanted ${expected(name, args, role)}`,
        );
    });
    t.deepEqual(wrong.slice(0, 20), []);
  });

  test(`${filter}: no random arguments get past what is expected`, (t) => {
    const numbers = [...architecture.calls].filter(([, name]) => conditionalCalls.has(name)).map(([number]) => number);
    const words = fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { minLength: 6, maxLength: 6 });
    const agrees = fc.property(fc.constantFrom(...numbers), words, (number, args) => {
      return judge(number, args) === expected(architecture.calls.get(number), args, role);
    });
    t.notThrows(() => fc.assert(agrees, { numRuns: 2000 }));
  });

  test(`${filter}: calls of any other architecture kill the process`, (t) => {
    const others = [auditI386, auditArm, 0, ...architectures().map(({ audit }) => audit)];
    const survivors = others
      .filter((arch) => arch !== architecture.audit)
      .flatMap((arch) => allNumbers.filter((number) => judge(number, [], arch) !== "kill"));
    t.deepEqual(survivors, []);
  });

  test(`${filter}: numbers past the table fail as unknown`, (t) => {
    for (const number of [601, 1000, 4096, 0x3fff_ffff]) t.is(judge(number, []), "ENOSYS");
  });

  test(`${filter}: only the calls that must be are judged by their arguments`, (t) => {
    const judged = [...architecture.calls]
      .filter(([number]) => run(program, { arch: architecture.audit, number, args: [] }).sawArguments)
      .map(([, name]) => name);
    t.deepEqual(
      judged.filter((name) => !conditionalCalls.has(name)),
      [],
    );
    for (const hot of ["read", "write", "futex", "epoll_pwait", "sendmsg", "mmap", "madvise"])
      t.false(judged.includes(hot), hot);
  });

  test(`${filter}: the decision takes few instructions`, (t) => {
    const steps = [...architecture.calls.keys()].map(
      (number) => run(program, { arch: architecture.audit, number, args: [] }).steps,
    );
    t.true(Math.max(...steps) <= 64, `${Math.max(...steps)}`);
  });
}

test("a zygote's filter with a clone's on top says what an instance's says", (t) => {
  for (const { name, audit, calls } of architectures()) {
    const [zygote, clone] = [readFilter("zygote", name), readFilter("clone", name)] as const;
    const wrong = allNumbers.flatMap((number) =>
      argumentsFor(calls.get(number))
        .map((args) => ({ args, says: together(zygote, clone, { arch: audit, number, args }) }))
        .filter(({ args, says }) => says !== expected(calls.get(number), args))
        .map(({ args, says }) => `${name} ${calls.get(number) ?? number}(${args.join(", ")}): ${says}`),
    );
    t.deepEqual(wrong.slice(0, 20), []);
  }
});

test("no random arguments get past a clone's two filters", (t) => {
  for (const { name, audit, calls } of architectures()) {
    const [zygote, clone] = [readFilter("zygote", name), readFilter("clone", name)] as const;
    const numbers = [...calls].filter(([, call]) => conditionalCalls.has(call)).map(([number]) => number);
    const words = fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { minLength: 6, maxLength: 6 });
    const agrees = fc.property(fc.constantFrom(...numbers), words, (number, args) => {
      return together(zygote, clone, { arch: audit, number, args }) === expected(calls.get(number), args);
    });
    t.notThrows(() => fc.assert(agrees, { numRuns: 2000 }));
  }
});

test("a clone's own filter is short and kills calls of another architecture", (t) => {
  for (const { name } of architectures()) {
    const clone = readFilter("clone", name);
    t.true(clone.length < 64, `${clone.length} instructions`);
    const says = (number: number) => verdictOf(run(clone, { arch: auditI386, number, args: [] }).value);
    t.deepEqual(
      allNumbers.filter((number) => says(number) !== "kill"),
      [],
    );
  }
});

if (process.arch === "x64") {
  test("every expectation is about a call that exists", (t) => {
    const names = new Set(architectures().flatMap(({ calls }) => [...calls.values()]));
    t.deepEqual(
      namedCalls.filter((name) => !names.has(name)),
      [],
    );
  });

  test("x32 calls kill the process", (t) => {
    const program = readFilter("instance", "x86_64");
    const survivors = allNumbers.filter((number) => {
      const { value } = run(program, { arch: ownArchitecture().audit, number: number | x32Bit, args: [] });
      return verdictOf(value) !== "kill";
    });
    t.deepEqual(survivors, []);
  });

  test("from inside, a call through the i386 or the x32 door ends the process", (t) => {
    const program = compile(directory.path, "sweep", ["seccomp.c", "caps.c", "error.c"], "plain");
    t.is(spawnSync(program, ["x32"]).signal, "SIGSYS");
    // A kernel without 32-bit support answers the door itself, with SIGSEGV.
    t.true(["SIGSYS", "SIGSEGV"].includes(String(spawnSync(program, ["i386"]).signal)));
  });
}

for (const build of ["plain", "sanitized"] as const) {
  test(`from inside, every denied call fails as the filter says (${build})`, (t) => {
    const { calls } = ownArchitecture();
    const numbers = allNumbers.filter((number) => !beforeAnyFilter.has(number));
    const denied = numbers.flatMap((number) => {
      const name = calls.get(number);
      return argumentsFor(name)
        .map((args) => ({ name, number, args, verdict: expected(name, args) }))
        .filter(({ verdict }) => verdict !== "allow");
    });
    const program = compile(directory.path, "sweep", ["seccomp.c", "caps.c", "error.c"], build);
    const input = denied.map(({ number, args: [a = 0n, b = 0n, c = 0n] }) => `${number} ${a} ${b} ${c}\n`).join("");
    const answers = execFileSync(program, {
      input,
      encoding: "utf8",
      maxBuffer: 2 ** 26,
      env: { ASAN_OPTIONS: "detect_leaks=0" },
    })
      .trim()
      .split("\n");

    const wrong = denied
      .map((call, index) => ({ ...call, answer: errnos.get(Number(answers[index])) ?? answers[index] }))
      .filter(({ answer, verdict }) => answer !== verdict)
      .map(({ name, number, args, answer, verdict }) => `${name ?? number}(${args}): ${answer}, wanted ${verdict}`);
    t.true(denied.length > 1000);
    t.is(answers.length, denied.length);
    t.deepEqual(wrong.slice(0, 20), []);
  });
}

test("the committed filters are what libseccomp makes of the list", (t) => {
  if (!existsSync("/usr/include/seccomp.h")) {
    // Users build without libseccomp; whoever changes the list has it, and so does CI.
    t.is(process.env.CI, undefined, "CI lacks libseccomp: apt-get install libseccomp-dev");
    t.log("not compared: apt-get install libseccomp-dev");
    t.pass();
    return;
  }
  const fresh = join(directory.path, "filters");
  mkdirSync(fresh);
  const build = join(directory.path, "build");
  execFileSync("make", ["--silent", "filters", `BUILD=${build}`, `FILTER_DIRECTORY=${fresh}`], { cwd: native });
  for (const name of [...roles, "clone"].flatMap((role) =>
    architectures().map((architecture) => `${role}.${architecture.name}.bpf`),
  ))
    t.deepEqual(readFileSync(join(fresh, name)), readFileSync(join(native, "filters", name)), `run make filters`);
});

function readFilter(role: Role | "clone", architecture: string): Program {
  return decode(readFileSync(join(native, "filters", `${role}.${architecture}.bpf`)));
}

/** The strictest verdict counts, of two refusals the newer filter's (seccomp(2), seccomp_run_filters). */
function together(older: Program, newer: Program, call: Call): Verdict {
  const verdicts = [newer, older].map((program) => verdictOf(run(program, call).value));
  return verdicts.find((verdict) => verdict === "kill") ?? verdicts.find((verdict) => verdict !== "allow") ?? "allow";
}

/** SECCOMP_RET_ALLOW, SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ERRNO | errno */
function verdictOf(value: number): Verdict {
  if (value === 0x7fff_0000) return "allow";
  if (value === 0x8000_0000) return "kill";
  const errno = errnos.get(value & 0xffff);
  if (value >>> 16 !== 5 || errno === undefined) throw new Error(`the filter answers 0x${value.toString(16)}`);
  return errno;
}

function errnoOf(name: "EPERM" | "EINVAL" | "ENOSYS" | "EAFNOSUPPORT" | "EPROTONOSUPPORT"): number {
  return constants.errno[name];
}

/** One argument is varied at a time, except for sockets, where family and protocol count together. */
function argumentsFor(name: string | undefined): readonly (readonly bigint[])[] {
  if (name === undefined || !conditionalCalls.has(name)) return unconditional;
  const values = interestingValues();
  const single = [0, 1, 2].flatMap((place) => values.map((value) => Array<bigint>(3).fill(0n).with(place, value)));
  if (name !== "socket") return single;
  const protocols = values.filter((value) => BigInt.asUintN(32, value) < 300n);
  return [...single, ...[1n, 2n, 10n, 16n, 40n].flatMap((family) => protocols.map((p) => [family, 1n, p]))];
}
