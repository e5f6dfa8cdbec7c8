// The peers of the benchmark, for real: each answers with the function's own answer, has the isolation that the report
// claims, and leaves nothing behind, also when the benchmark is killed.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { startBareHttp } from "../../bench/bare-http.ts";
import { type FirstByte, requireStatus } from "../../bench/first-byte.ts";
import { removeLeftovers } from "../../bench/leftovers.ts";
import { prepareDocker } from "../../bench/peers/docker.ts";
import { startNginx } from "../../bench/peers/nginx.ts";
import type { ColdPeer, Isolation } from "../../bench/peers/peer.ts";
import { prepareRunc } from "../../bench/peers/runc.ts";
import { prepareVms } from "../../bench/peers/vm.ts";
import { prepareWorkerd, startWorkerd } from "../../bench/peers/workerd.ts";
import { keyIn, keyOf } from "../../bench/place.ts";
import { baseLayersOf, startTsfn, type Tsfn } from "../../bench/tsfn.ts";
import { cgroupMounts } from "../support/cgroups.ts";
import { example } from "../support/function-directory.ts";
import { isAlive, namespaceKinds, namespacesOf, readProc } from "../support/processes.ts";
import { until } from "../support/until.ts";

const hello = example("hello");

const owner = new AsyncDisposableStack();
let tsfn: Tsfn;
let layers: readonly string[];

test.before(async () => {
  tsfn = await startTsfn(owner);
  await tsfn.deploy("hello", "hello", { scaling: { idleTimeout: "1h" } });
  layers = await baseLayersOf(tsfn, "hello");
});

test.after.always(() => owner.disposeAsync());

for (const prepare of [prepareRunc, prepareDocker]) {
  test.serial(
    `${prepare.name}: the container has the isolation that the report claims, and then is gone`,
    async (t) => {
      const before = namesOf(keyOf("self") ?? "");
      await using peers = new AsyncDisposableStack();
      const peer = await prepare(peers, layers, hello);
      t.deepEqual(await called(peer, isolationOf), peer.isolation);
      t.true(peer.meter.read() > 0);
      await peers.disposeAsync();
      t.deepEqual(namesOf(keyOf("self") ?? ""), before);
    },
  );
}

test.serial("a VM that is restored answers like the one that was saved", async (t) => {
  await using peers = new AsyncDisposableStack();
  const { restore, accelerator } = await prepareVms(peers, layers, hello);
  t.true(restore.name.includes(accelerator) && /emulated|KVM/.test(restore.about));
  for (const time of ["first", "second"]) {
    const argument = await called(restore, (pid) => readProc(pid, "cmdline") ?? "");
    t.true(argument.split("\0").includes(accelerator), `${time}: QEMU runs with another accelerator`);
  }
});

test.serial("workerd answers the same, each time from a new process without a namespace of its own", async (t) => {
  await using peers = new AsyncDisposableStack();
  const peer = await prepareWorkerd(peers, hello);
  const pids = [await called(peer, (pid) => pid), await called(peer, (pid) => pid)];
  t.is(new Set(pids).size, 2);
  t.deepEqual(await called(peer, (pid) => isolationOf(pid).namespaces), []);
  const { url } = await startWorkerd(peers, hello);
  t.deepEqual(await (await fetch(url)).json(), { message: "Hello, world!" });
});

test.serial("nginx answers with what the node behind it says, from the processes that are named", async (t) => {
  await using peers = new AsyncDisposableStack();
  const { url, processes } = await startNginx(peers, await startBareHttp(peers));
  t.is(await (await fetch(url)).text(), "pong");
  const programs = (processes.get("nginx") ?? []).map((pid) => readProc(pid, "comm")?.trim());
  t.true(programs.length > 1 && programs.every((name) => name === "nginx"), programs.join());
});

test.serial("a call that should have been cold and was not is an error", async (t) => {
  await (await tsfn.server.fetch("/function/hello")).text();
  await t.throwsAsync(tsfn.callCold("hello"), { message: /should have been cold was not/ });
});

test.serial("what a killed benchmark leaves behind, the next one removes", async (t) => {
  const program = join(import.meta.dirname, "programs/abandoned.ts");
  const child = spawn(process.execPath, [program, hello, ...layers], { stdio: ["ignore", "pipe", "inherit"] });
  const key = keyOf(child.pid ?? 0) ?? "none";
  const pid = Number(await firstLine(child));
  t.true(isAlive(pid));
  child.kill("SIGKILL");
  await once(child, "exit");
  t.true(isAlive(pid) && namesOf(key).length > 1, "there is nothing to remove");
  await removeLeftovers();
  t.deepEqual(namesOf(key), []);
  await until("the container is gone", () => !isAlive(pid));
});

async function called<Value>(peer: ColdPeer, look: (pid: number) => Value): Promise<Value> {
  const start = peer.spawn();
  try {
    const answer: FirstByte = await start.firstByte();
    requireStatus(answer);
    if (!answer.body.includes('{"message":"Hello, world!"}')) throw new Error(`${peer.name} answered:\n${answer.body}`);
    return look(start.servingPid());
  } finally {
    await start.end();
  }
}

function isolationOf(pid: number): Isolation {
  const [own, host] = [namespacesOf(pid), namespacesOf("self")];
  const status = readProc(pid, "status") ?? "";
  const capabilities = BigInt(`0x${/^CapBnd:\s*(\w+)$/m.exec(status)?.[1]}`).toString(2);
  return {
    namespaces: namespaceKinds.filter((kind) => own.get(kind) !== host.get(kind)).sort(),
    seccomp: /^Seccomp:\s*2$/m.test(status),
    capabilities: capabilities.replaceAll("0", "").length,
    memoryBytes: limitOf(pid, "memory.limit_in_bytes", "memory.max"),
    pids: limitOf(pid, "pids.max", "pids.max"),
    // Of the usual period.
    cpus: limitOf(pid, "cpu.cfs_quota_us", "cpu.max") / 100_000,
  };
}

/** Of the first hierarchy that has one of the files. */
function limitOf(pid: number, v1: string, v2: string): number {
  const paths = (readProc(pid, "cgroup") ?? "").split("\n").map((line) => line.split(":")[2] ?? "");
  const files = cgroupMounts().flatMap(({ path, type }) =>
    paths.map((at) => join(path, at, type === "cgroup" ? v1 : v2)),
  );
  const file = files.find((candidate) => existsSync(candidate));
  return file === undefined ? Number.NaN : Number(readFileSync(file, "utf8").split(" ")[0]);
}

/** Directories and cgroups of a benchmark. */
function namesOf(key: string): string[] {
  return [tmpdir(), ...cgroupMounts().map(({ path }) => path)].flatMap((path) =>
    readdirSync(path)
      .filter((name) => keyIn(name) === key)
      .map((name) => join(path, name)),
  );
}

async function firstLine({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new Error("the program has no stdout");
  const [line] = (await once(stdout, "data")) as [Buffer];
  return line.toString();
}
