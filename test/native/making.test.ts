// Sandboxes that are being made: the warden makes any number at a time and serves others meanwhile, and whatever happens to
// one on its way, whoever asked is answered and nothing is left. Their makers are stopped here, so that the moment lasts.

import { existsSync, readdirSync } from "node:fs";
import test, { type ExecutionContext } from "ava";
import type { Sandbox } from "../../runtime/sandbox/index.ts";
import { requests } from "../../runtime/warden/index.ts";
import { held, holdsNoMore } from "../support/held.ts";
import { withFault } from "../support/kernel-faults.ts";
import { descriptorsOf, readProc, readProcess } from "../support/processes.ts";
import { until } from "../support/until.ts";
import {
  cgroupsOf,
  childrenOf,
  foremanOf,
  inside,
  run,
  spec,
  startWarden,
  type TestWarden,
} from "../support/warden.ts";

/** Where makers stop: their namespaces are there and not told of, or told of and held by the warden. */
const moments = { "before it tells of its namespaces": "unshare", "after that": "sethostname" } as const;
type Moment = (typeof moments)[keyof typeof moments];

interface Scene {
  readonly warden: TestWarden;
  /** What the warden held before. */
  readonly before: unknown;
  readonly ids: readonly string[];
  readonly created: readonly Promise<Sandbox>[];
  readonly makers: readonly number[];
}

async function stopMakers(t: ExecutionContext, call: Moment, count = 1): Promise<Scene> {
  const warden = await startWarden(t);
  const others = new Set(childrenOf(warden.pid));
  const before = await held(warden);
  const specs = Array.from({ length: count }, () => spec());
  const created = await withFault(warden, `${call}:signal=STOP`, async (readLog) => {
    const promises = specs.map((one) => warden.sandboxes.create(one));
    for (const promise of promises) promise.catch(() => undefined);
    await until("the makers are stopped", () => readLog().match(/stopped by SIGSTOP/g)?.length === count);
    return promises;
  });
  const makers = childrenOf(warden.pid).filter((pid) => !others.has(pid));
  return { warden, before, ids: specs.map(({ id }) => id), created, makers };
}

test("any number are made at a time, and others are served meanwhile", async (t) => {
  const { warden, created, makers } = await stopMakers(t, "unshare", 8);
  const listed = await warden.client.request(requests.list());
  t.deepEqual(new Set(listed.map(({ state }) => state)), new Set(["making"]));
  t.is(listed.length, 8);
  const other = await warden.sandboxes.create(spec());
  await other.start(inside("wait"));
  await other.destroy();
  for (const pid of makers) process.kill(pid, "SIGCONT");
  for (const sandbox of await Promise.all(created)) {
    await sandbox.start(inside("wait"));
    await sandbox.destroy();
  }
});

for (const [when, call] of Object.entries(moments)) {
  test(`a maker that is killed ${when}: the creation fails, and nothing is left`, async (t) => {
    const { warden, before, created, makers } = await stopMakers(t, call, 2);
    for (const pid of makers) process.kill(pid, "SIGKILL");
    for (const promise of created) {
      const error = await t.throwsAsync(promise, { code: "SANDBOX_FAILED" });
      t.like(error?.cause, { step: "make sandbox" });
    }
    await holdsNoMore(t, warden, before);
  });

  test(`destroyed while its maker works, ${when}: both are answered, and nothing is left`, async (t) => {
    const { warden, before, ids, created } = await stopMakers(t, call, 2);
    const gone = Promise.all(ids.map((id) => warden.client.request(requests.destroy(id))));
    for (const promise of created)
      await t.throwsAsync(promise, { code: "SANDBOX_FAILED", message: /was destroyed meanwhile/ });
    await t.notThrowsAsync(gone);
    await holdsNoMore(t, warden, before);
  });

  test(`a warden that is asked to stop while a maker works, ${when}, leaves nothing`, async (t) => {
    const { warden, created, makers } = await stopMakers(t, call, 2);
    t.like(await warden.stop(), { code: 143, stderr: "" });
    for (const promise of created) await t.throwsAsync(promise);
    for (const pid of makers) t.false(existsSync(`/proc/${pid}`));
    t.deepEqual(cgroupsOf(warden.id), []);
  });

  test(`a warden that is killed while a maker works, ${when}: the maker ends, the next start removes the rest`, async (t) => {
    const { warden, created, makers } = await stopMakers(t, call, 2);
    warden.signal("SIGKILL");
    for (const pid of makers) process.kill(pid, "SIGCONT");
    await warden.ended;
    for (const promise of created) await t.throwsAsync(promise);
    for (const pid of makers) t.false(existsSync(`/proc/${pid}`));
    const next = await startWarden(t, { after: warden });
    await next.stop();
    t.deepEqual(cgroupsOf(warden.id), []);
  });
}

test("a maker that told of its namespaces and is reaped before that is heard: its number is not used any more", async (t) => {
  const { warden, created, makers } = await stopMakers(t, "unshare");
  const [maker = 0] = makers;
  const closer = childrenOf(warden.pid).find((pid) => readProcess(pid)?.name === "tsfn-closer") ?? 0;
  const isIn = (pid: number, state: string) =>
    until(`${pid} is in state ${state}`, () => readProcess(pid)?.state === state);
  warden.signal("SIGSTOP");
  await isIn(warden.pid, "T");
  // Whose end has the warden reap its children before it hears the maker.
  process.kill(closer, "SIGKILL");
  await isIn(closer, "Z");
  process.kill(maker, "SIGCONT");
  await isIn(maker, "S");
  process.kill(maker, "SIGKILL");
  await isIn(maker, "Z");
  warden.signal("SIGCONT");
  const error = await t.throwsAsync(created[0] ?? Promise.resolve(), { code: "SANDBOX_FAILED" });
  t.like(error?.cause, { step: "make sandbox" });
});

interface ForemanScene {
  readonly warden: TestWarden;
  readonly foreman: number;
  readonly ids: readonly string[];
  /** They wait for their makers to be born. */
  readonly created: readonly Promise<Sandbox>[];
}

async function stopForeman(t: ExecutionContext): Promise<ForemanScene> {
  const warden = await startWarden(t);
  const foreman = await foremanOf(warden);
  process.kill(foreman, "SIGSTOP");
  await until("the foreman is stopped", () => readProcess(foreman)?.state === "T");
  const specs = [spec(), spec({ layers: [] })];
  const created = specs.map((one) => warden.sandboxes.create(one));
  for (const promise of created) promise.catch(() => undefined);
  t.is((await warden.client.request(requests.list())).length, 2);
  return { warden, foreman, ids: specs.map(({ id }) => id), created };
}

test("kill -9 of the foreman: who waits for a maker is answered, and the next one has another", async (t) => {
  const { warden, foreman, created } = await stopForeman(t);
  process.kill(foreman, "SIGKILL");
  for (const promise of created)
    await t.throwsAsync(promise, { code: "SANDBOX_FAILED", message: /ended before its work/ });
  t.is((await run(warden, inside("exit", "5"))).exit.exitCode, 5);
  t.not(await foremanOf(warden), foreman);
});

test("destroyed before its maker is born: both are answered, and nothing is left", async (t) => {
  const { warden, foreman, ids, created } = await stopForeman(t);
  const gone = Promise.all(ids.map((id) => warden.client.request(requests.destroy(id))));
  process.kill(foreman, "SIGCONT");
  for (const promise of created) await t.throwsAsync(promise, { message: /was destroyed meanwhile/ });
  await t.notThrowsAsync(gone);
  t.deepEqual(await warden.client.request(requests.list()), []);
});

test("a stopped foreman does not keep the warden from ending", async (t) => {
  const { warden, created } = await stopForeman(t);
  t.like(await warden.stop(), { code: 143, stderr: "" });
  for (const promise of created) await t.throwsAsync(promise);
  t.deepEqual(cgroupsOf(warden.id), []);
});

test("neither foreman nor maker holds anything of another sandbox, or sees a file of the host", async (t) => {
  const { warden, makers } = await stopMakers(t, "unshare", 2);
  for (const pid of [await foremanOf(warden), ...makers]) {
    t.deepEqual(
      descriptorsOf(pid).filter((target) => /^(?!socket)\w+:\[/.test(target)),
      [],
    );
    t.is(readProc(pid, "mountinfo")?.trim().split("\n").length, 1);
    t.deepEqual(readdirSync(`/proc/${pid}/root`), []);
  }
});

test("tsfnd is gone while a maker works: the warden ends, and nothing is left", async (t) => {
  const { warden, created, makers } = await stopMakers(t, "sethostname", 2);
  process.kill(warden.relayPid, "SIGKILL");
  t.like(await warden.ended, { code: 137, stderr: "" });
  for (const promise of created) await t.throwsAsync(promise);
  for (const pid of makers) t.false(existsSync(`/proc/${pid}`));
  t.deepEqual(cgroupsOf(warden.id), []);
});

test("of a sandbox that is being made its usage can be told, and it can be killed, but not started", async (t) => {
  const { warden, before, ids, created } = await stopMakers(t, "sethostname");
  const [id = ""] = ids;
  t.is((await warden.client.request(requests.usage(id))).pids, 1);
  await t.throwsAsync(warden.client.request(requests.startInstance(id, inside("wait"))), {
    message: /EBUSY.*is still being made/,
  });
  await t.throwsAsync(warden.sandboxes.create({ ...spec(), id }), { message: /EEXIST/ });
  await warden.client.request(requests.kill(id));
  await t.throwsAsync(created[0] ?? Promise.resolve(), { code: "SANDBOX_FAILED", message: /ended before its work/ });
  await holdsNoMore(t, warden, before);
});
