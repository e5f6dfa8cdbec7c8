// The pool of sandboxes made ahead, over a real warden: when it makes them, which ones, and what becomes of them.

import { setTimeout as pause } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import {
  createSandboxPool,
  type SandboxLimits,
  type SandboxPool,
  type TakenSandbox,
} from "../../runtime/sandbox/index.ts";
import { requests } from "../../runtime/warden/index.ts";
import { held, holdsNoMore } from "../support/held.ts";
import { until } from "../support/until.ts";
import { spec, startWarden, type TestWarden } from "../support/warden.ts";

const { limits } = spec();
const size = 3;

interface Opened {
  readonly warden: TestWarden;
  readonly pool: SandboxPool;
  readonly faults: readonly unknown[];
  /** Ids of every sandbox of the warden. */
  made(): Promise<string[]>;
}

async function openPool(t: ExecutionContext): Promise<Opened> {
  const warden = await startWarden(t);
  const faults: unknown[] = [];
  const pool = createSandboxPool({ sandboxes: warden.sandboxes, size, fault: (thrown) => void faults.push(thrown) });
  const made = async () => (await warden.client.request(requests.list())).map(({ id }) => id);
  t.teardown(() => pool.close());
  return { warden, pool, faults, made };
}

const full = (pool: SandboxPool) => until("the pool is full", () => pool.ready === size);

const takeAll = (pool: SandboxPool, count: number): Promise<TakenSandbox[]> =>
  Promise.all(Array.from({ length: count }, () => pool.take(limits)));

const idsOf = (taken: readonly TakenSandbox[]) => taken.map(({ sandbox }) => sandbox.id);

/** Several times as long as the pool waits before it refills. */
const longEnough = () => pause(50);

test("it fills up to its size, and no further", async (t) => {
  const { pool, made } = await openPool(t);
  await full(pool);
  await longEnough();
  t.is(pool.ready, size);
  t.is((await made()).length, size);
});

test("those who take at once get one each, the ready ones first", async (t) => {
  const { pool, made } = await openPool(t);
  await full(pool);
  const ahead = await made();
  const ids = idsOf(await takeAll(pool, size + 2));
  t.is(new Set(ids).size, size + 2);
  t.deepEqual(ids.slice(0, size).sort(), ahead.sort());
  t.is(pool.ready, 0);
});

test("none is made ahead while a start is under way, however often another one's end is told", async (t) => {
  const { pool, made } = await openPool(t);
  await full(pool);
  const [first, second] = await takeAll(pool, 2);
  first?.settled();
  first?.settled();
  await longEnough();
  t.is(pool.ready, size - 2);
  t.is((await made()).length, size);
  second?.settled();
  await full(pool);
  t.is((await made()).length, size + 2);
});

test("the next ones have the limits of the last one taken", async (t) => {
  const { pool } = await openPool(t);
  await full(pool);
  const larger: SandboxLimits = { ...limits, memoryBytes: 96 << 20 };
  const taken = await Promise.all(Array.from({ length: size }, () => pool.take(larger)));
  for (const { settled } of taken) settled();
  await full(pool);
  const { sandbox } = await pool.take(limits);
  t.is(sandbox.describe().limits.memoryBytes, larger.memoryBytes);
});

test("what cannot be made is told to whoever takes it, and ahead it is a fault; the next taker starts anew", async (t) => {
  const { pool, faults } = await openPool(t);
  await full(pool);
  const impossible: SandboxLimits = { ...limits, memoryBytes: 1 };
  const taken = await Promise.all(Array.from({ length: size }, () => pool.take(impossible)));
  await t.throwsAsync(pool.take(impossible), { code: "SANDBOX_FAILED", message: /memory is 1, wanted/ });
  t.deepEqual(faults, []);
  for (const { settled } of taken) settled();
  await until("making one ahead has failed", () => faults.length > 0);
  await longEnough();
  t.is(faults.length, 1);
  t.regex(String(faults[0]), /memory is 1, wanted/);
  const { settled } = await pool.take(limits);
  settled();
  await full(pool);
});

test("closing destroys those that are ready, makes none any more, and leaves the taken ones to their takers", async (t) => {
  const { pool, made, faults } = await openPool(t);
  await full(pool);
  const [first, second] = await takeAll(pool, 2);
  await pool.close();
  const left = [first?.sandbox.id, second?.sandbox.id].sort();
  t.deepEqual((await made()).sort(), left);
  t.is(pool.ready, 0);
  first?.settled();
  second?.settled();
  await longEnough();
  t.deepEqual((await made()).sort(), left);
  t.deepEqual(faults, []);
});

test("a thousand sandboxes that come and go leave nothing", async (t) => {
  const { warden, pool } = await openPool(t);
  await full(pool);
  const before = await held(warden);
  for (let round = 0; round < 100; round += 1) {
    const taken = await takeAll(pool, 10);
    await Promise.all(taken.map(({ sandbox }) => sandbox.destroy()));
    for (const { settled } of taken) settled();
  }
  await full(pool);
  await holdsNoMore(t, warden, before);
});
