// What becomes of zygotes: they die, grow old, are let go of; and no caller notices.

import { Readable } from "node:stream";
import test from "ava";
import type { InstanceOrder } from "../../runtime/instance/index.ts";
import { createSandboxPool } from "../../runtime/sandbox/index.ts";
import { ZygoteForker, Zygotes } from "../../runtime/zygote/index.ts";
import { held, holdsNoMore } from "../support/held.ts";
import { withFaultIn } from "../support/kernel-faults.ts";
import { listProcesses, type ProcessEntry } from "../support/processes.ts";
import { openTestRuntime } from "../support/test-runtime.ts";
import { until } from "../support/until.ts";
import { startWarden, type TestWarden } from "../support/warden.ts";

const hello = `export default { fetch: () => new Response("hello") };`;

/** Clones have the same command line, and pause for a parent. */
function zygotesOf(warden: TestWarden): ProcessEntry[] {
  return listProcesses().filter(
    ({ parent, commandLine }) => parent === warden.pid && commandLine.includes("zygote.mjs"),
  );
}

test("instances outlive their zygote, and the next start has another", async (t) => {
  const warden = await startWarden(t);
  const { deploy, text, runtime } = await openTestRuntime(t, { warden });
  await deploy("hello", hello);
  const [zygote] = zygotesOf(warden);
  const [instance] = await runtime.instances();
  process.kill(zygote?.pid ?? 0, "SIGKILL");
  await until("the zygote is gone", () => zygotesOf(warden).length === 0);
  t.is(await text("hello"), "hello");
  t.is((await runtime.instances())[0]?.id, instance?.id);
  await runtime.restart("hello", { zygote: false });
  t.is(await text("hello"), "hello");
  t.not(zygotesOf(warden)[0]?.pid, zygote?.pid);
});

for (const prefork of ["function", "runtime"]) {
  test(`restart with its zygote loads a "${prefork}" version in another process, restart without it in the same`, async (t) => {
    const warden = await startWarden(t);
    const { deploy, text, runtime } = await openTestRuntime(t, { warden });
    await deploy("hello", hello, { prefork });
    const [first] = zygotesOf(warden);
    await runtime.restart("hello", { zygote: false });
    t.is(await text("hello"), "hello");
    t.is(zygotesOf(warden)[0]?.pid, first?.pid);
    await runtime.restart("hello", { zygote: true });
    t.is(await text("hello"), "hello");
    await until("the first is gone", () => zygotesOf(warden).every(({ pid }) => pid !== first?.pid));
    t.is(zygotesOf(warden).length, 1);
  });
}

test("callers whose zygote is killed under them are answered by another", async (t) => {
  const warden = await startWarden(t);
  const { deploy, text, runtime } = await openTestRuntime(t, { warden });
  await deploy("hello", hello);
  for (let round = 0; round < 5; round += 1) {
    await runtime.restart("hello", { zygote: false });
    const answers = Array.from({ length: 20 }, () => text("hello"));
    for (const { pid } of zygotesOf(warden)) process.kill(pid, "SIGKILL");
    t.deepEqual(new Set(await Promise.all(answers)), new Set(["hello"]));
  }
});

for (const fault of ["fsmount:signal=KILL", "fsmount:error=EPERM"]) {
  test(`callers whose clone ends on its way to them (${fault}) are answered by another, and each call runs once`, async (t) => {
    const warden = await startWarden(t);
    const started: string[] = [];
    const observer = { instanceStarted: ({ instance }: { instance: string }) => void started.push(instance) };
    const { deploy, text, runtime } = await openTestRuntime(t, { warden, observer });
    await deploy("echo", "export default { fetch: async (request) => new Response(await request.text()) };");
    await runtime.restart("echo", { zygote: false });
    const [zygote] = zygotesOf(warden);
    started.length = 0;
    await withFaultIn([zygote?.pid ?? 0], fault, async (readLog) => {
      const words = ["", "with a body", "and another"];
      const bodies = words.map((word) =>
        word === "" ? null : Readable.from([Buffer.from(word)], { objectMode: false }),
      );
      t.deepEqual(await Promise.all(bodies.map((body) => text("echo", { method: "POST", body }))), words);
      t.regex(readLog(), /fsmount/, "it struck");
    });
    t.not(zygotesOf(warden)[0]?.pid, zygote?.pid, "one whose clones do not come to be is replaced");
    t.true(started.length > 0 && started.length <= 3);
    await until("those that ended are gone", async () => (await runtime.instances()).length <= started.length);
  });
}

test("zygotes beyond their memory are let go of, and started again when they are wanted", async (t) => {
  const warden = await startWarden(t);
  const { deploy, text, runtime } = await openTestRuntime(t, { warden, zygoteMemoryBytes: 1 });
  const names = ["a", "b", "c"];
  for (const name of names) await deploy(name, hello);
  await until("one is left", () => zygotesOf(warden).length === 1);
  for (const name of [...names, ...names]) {
    await runtime.restart(name, { zygote: false });
    t.is(await text(name), "hello");
  }
  t.true(zygotesOf(warden).length <= 2, "the one in use, and one that is about to end");
});

test("a function that is removed takes its zygote along, a superseded version too, a refused one as well", async (t) => {
  const warden = await startWarden(t);
  const { deploy, runtime } = await openTestRuntime(t, { warden });
  await deploy("hello", hello);
  const [first] = zygotesOf(warden);
  await deploy("hello", `${hello} // changed`);
  await until("the old version's zygote is gone", () => zygotesOf(warden).every(({ pid }) => pid !== first?.pid));
  t.is(zygotesOf(warden).length, 1);
  await t.throwsAsync(deploy("hello", "throw new Error()"), { code: "LOAD_FAILED" });
  t.is(zygotesOf(warden).length, 1);
  await runtime.remove("hello");
  await until("no zygote is left", () => zygotesOf(warden).length === 0);
});

test("a closed runtime leaves no zygote, no clone and no sandbox made ahead", async (t) => {
  const warden = await startWarden(t);
  const before = await held(warden);
  const { deploy, text, runtime } = await openTestRuntime(t, { warden, sandboxesReady: 3 });
  await deploy("hello", hello);
  await deploy("later", hello, { prefork: "runtime" });
  t.is(await text("later"), "hello");
  await runtime.close();
  await holdsNoMore(t, warden, before);
});

test("an old zygote serves until there is a new one, and its clones live on", async (t) => {
  const warden = await startWarden(t);
  const opened = await openTestRuntime(t, { warden });
  await opened.deploy("hello", hello);
  const { current, layers } = await opened.runtime.inspect("hello");
  const faults: unknown[] = [];
  const fault = (thrown: unknown) => faults.push(thrown);
  const { sandboxes } = warden;
  const zygotes = new Zygotes({
    sandboxes,
    baseLayers: { of: () => Promise.resolve(layers.slice(1)) },
    ready: 0,
    memoryBytes: 2 ** 30,
    maxForks: 2,
    maxAgeMs: 60_000,
    fault,
  });
  const forker = new ZygoteForker({ zygotes, sandboxes: createSandboxPool({ sandboxes, size: 0, fault }), fault });
  const order: InstanceOrder = {
    ...{ version: current, layers, startTimeoutMs: 10_000 },
    log: () => {},
    openNetwork: () => Promise.resolve(),
  };
  const forks = [];
  const seen = new Set<number>();
  for (let fork = 0; fork < 9; fork += 1) {
    forks.push(await forker.fork(order));
    for (const { pid } of zygotesOf(warden)) seen.add(pid);
    await until("the next zygote is there", async () => (await zygotes.get("function", order)).forks < 2);
  }
  t.true(seen.size >= 4, `${seen.size} zygotes, one of them the server's`);
  const alive = listProcesses().map(({ pid }) => pid);
  for (const fork of forks) t.true(alive.includes(fork?.process.pid ?? 0), "a clone of a zygote that was replaced");
  await Promise.all(forks.map((fork) => fork?.sandbox.destroy()));
  await forker.close();
  t.deepEqual(faults, []);
});
