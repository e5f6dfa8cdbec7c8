// The posture of every process of a server, read from the host and compared with what is expected of its kind: instances
// started in every way and in several states, zygotes, tsfnd, the warden. One row per process and field; no deviation is
// allowed.

import test from "ava";
import { example, functionOf } from "../support/function-directory.ts";
import { kindOf, type ProcessKind, processesOf } from "../support/kinds.ts";
import { descriptorsOf, entriesOf, namespaceKinds, namespacesOf, processTree, readProc } from "../support/processes.ts";
import { sharedDescriptors } from "../support/same-file.ts";
import { startServer } from "../support/server.ts";
import { until } from "../support/until.ts";

interface Expectation {
  readonly uid: (uid: number) => boolean;
  /** Every thread's capability sets are empty. */
  readonly powerless: boolean;
  readonly seccomp: "0" | "2";
  /** Namespaces that are not the host's. */
  readonly ownNamespaces: readonly string[];
}

const hostUids = (uid: number): boolean => uid > 0 && uid < 0x4000_0000;
const sandboxUids = (uid: number): boolean => uid >= 0x4000_0000 && uid % 4_096 === 1_000;
/** The last ones of a server's block, which no function can be. */
const zygoteUids = (uid: number): boolean => uid >= 0x4000_0000 && uid % 2 ** 24 === 2 ** 24 - 1;
const pauseUids = (uid: number): boolean => uid >= 0x4000_0000 && uid % 2 ** 24 === 2 ** 24 - 2;
const closerUids = (uid: number): boolean => uid >= 0x4000_0000 && uid % 2 ** 24 === 2 ** 24 - 3;
/** It must be known to the host's user namespace to enter those of the sandboxes. */
const allButUser = namespaceKinds.filter((kind) => kind !== "user");

const expectations = new Map<ProcessKind, Expectation>([
  ["guardian", { uid: (uid) => uid === 0, powerless: true, seccomp: "2", ownNamespaces: [] }],
  ["warden", { uid: (uid) => uid === 0, powerless: false, seccomp: "0", ownNamespaces: ["mnt"] }],
  ["tsfnd", { uid: hostUids, powerless: true, seccomp: "2", ownNamespaces: ["mnt"] }],
  ["foreman", { uid: (uid) => uid === 0, powerless: false, seccomp: "0", ownNamespaces: ["mnt"] }],
  ["closer", { uid: closerUids, powerless: true, seccomp: "2", ownNamespaces: ["mnt"] }],
  ["pause", { uid: pauseUids, powerless: true, seccomp: "2", ownNamespaces: allButUser }],
  ["zygote", { uid: zygoteUids, powerless: true, seccomp: "2", ownNamespaces: allButUser }],
  ["instance", { uid: sandboxUids, powerless: true, seccomp: "2", ownNamespaces: namespaceKinds }],
]);

const emptySet = "0000000000000000";

test.serial("every process of a server stands as it should, whatever its instances are doing", async (t) => {
  const server = await startServer(t);
  await server.deploy(example("hello"));
  await server.deploy(example("sleep"));
  await server.deploy(example("burn"));
  for (const prefork of ["function", "runtime", "none"])
    await server.deploy(functionOf(t, { name: `by-${prefork}`, prefork }, `return new Response("x");`));
  for (const name of ["hello", "by-function", "by-runtime", "by-none"]) await server.fetch(`/function/${name}`);
  const busy = [server.fetch("/function/sleep?ms=4000"), server.fetch("/function/burn?cpu=2000")];
  await until("six functions have instances", () => processesOf("instance", server.info()).length >= 6);

  const rows = processTree(server.info().guardianPid);
  const host = namespacesOf("self");
  const deviations: string[] = [];
  const seen = new Set<ProcessKind>();
  for (const { pid, uid, commandLine, ...rest } of rows) {
    const kind = kindOf({ pid, uid, commandLine, ...rest }, server.info());
    const expected = kind === null ? undefined : expectations.get(kind);
    if (kind === null || expected === undefined)
      throw new Error(`what is process ${pid} of uid ${uid}, ${commandLine}?`);
    seen.add(kind);
    const deviates = (field: string, found: unknown) =>
      deviations.push(`${kind} ${pid} ${commandLine}: ${field} is ${found}`);

    if (!expected.uid(uid)) deviates("uid", uid);
    for (const task of entriesOf(`/proc/${pid}/task`)) {
      const status = readProc(pid, `task/${task}/status`) ?? "";
      const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, "m").exec(status)?.[1] ?? "";
      for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) {
        if (expected.powerless && field(set) !== emptySet) deviates(`${set} of thread ${task}`, field(set));
      }
      if (expected.powerless && field("NoNewPrivs") !== "1")
        deviates(`NoNewPrivs of thread ${task}`, field("NoNewPrivs"));
      if (field("Seccomp") !== expected.seccomp) deviates(`Seccomp of thread ${task}`, field("Seccomp"));
    }
    for (const [name, inode] of namespacesOf(pid)) {
      const own = inode !== host.get(name);
      if (own !== expected.ownNamespaces.includes(name)) deviates(`namespace ${name}`, own ? "its own" : "the host's");
    }
    if (kind === "instance") for (const deviation of instanceDeviations(pid)) deviates(deviation, "not as wanted");
  }
  t.deepEqual(deviations, []);
  t.deepEqual([...seen].sort(), [...expectations.keys()].sort());
  await Promise.all(busy);
});

test.serial(
  "a clone holds nothing that its zygote, its siblings or the daemon hold, but its own wire and pipes",
  async (t) => {
    const server = await startServer(t);
    await server.deploy(example("sleep"));
    const busy = [1, 2, 3].map(() => server.fetch("/function/sleep?ms=3000"));
    await until("three clones run", () => processesOf("instance", server.info()).length >= 3);
    const clones = processesOf("instance", server.info());
    const others = (["zygote", "pause", "warden", "tsfnd", "instance"] as const).flatMap((kind) =>
      processesOf(kind, server.info()),
    );
    t.true(others.some((entry) => kindOf(entry, server.info()) === "zygote"));
    for (const { pid } of clones)
      for (const other of others) if (other.pid !== pid) t.deepEqual(sharedDescriptors(pid, other.pid), []);
    await Promise.all(busy);
  },
);

/** What only instances promise: limits, mounts, descriptors, and being first to go when memory is short. */
function instanceDeviations(pid: number): string[] {
  const limits = readProc(pid, "limits") ?? "";
  const hard = (name: string) =>
    Number(new RegExp(`^Max ${name}\\s+\\S+\\s+(\\d+)`, "m").exec(limits)?.[1] ?? Number.NaN);
  const mounts = (readProc(pid, "mountinfo") ?? "")
    .trim()
    .split("\n")
    .map((line) => line.split(" "));
  const points = mounts.map((fields) => fields[4] ?? "");
  const writableKernel = mounts.filter((fields) => /^\/(?:sys|proc\/sys)/.test(fields[4] ?? ""));
  const setuid = mounts.filter((fields) => !(fields[5] ?? "").includes("nosuid"));
  const open = descriptorsOf(pid);
  const found = new Map<string, boolean>([
    ["open files ≤ 1024", hard("open files") <= 1_024],
    ["core file size 0", hard("core file size") === 0],
    ["pending signals ≤ 1024", hard("pending signals") <= 1_024],
    ["locked memory ≤ 64 KiB", hard("locked memory") <= 65_536],
    ["one root", points.filter((point) => point === "/").length === 1],
    ["no /sys", writableKernel.length === 0],
    [`every mount nosuid (${setuid.map((fields) => fields[4]).join()})`, setuid.length === 0],
    ["only the expected mounts", points.every((point) => /^\/(?:proc|dev(?:\/[a-z]+)?|tmp|run)?$/.test(point))],
    ["oom_score_adj raised", Number(readProc(pid, "oom_score_adj")) > 0],
    [`descriptors are its own (${open.filter((target) => target.startsWith("/")).join()})`, open.every(isHarmless)],
    ["a uid map of its own", /^\s*0\s+[1-9]\d*\s+4096\s*$/m.test(readProc(pid, "uid_map") ?? "")],
  ]);
  return [...found].filter(([, holds]) => !holds).map(([promise]) => promise);
}

/** No directory, no file of the host, no descriptor on /proc: what 2024-21626 was made of. */
function isHarmless(target: string): boolean {
  return /^(?:socket:|pipe:|anon_inode:|\/dev\/(?:null|urandom|random)$|\/app\/|\/opt\/tsfn\/|\/usr\/local\/bin\/node$)/.test(
    target,
  );
}
