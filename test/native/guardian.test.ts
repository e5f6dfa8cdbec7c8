// The guardian: the process above the warden, which ends only when nobody is left below it, however the warden ended; and
// without which the warden stops.

import { existsSync, readFileSync } from "node:fs";
import test from "ava";
import { descriptorsOf, processTree, readProcess } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { cgroupsOf, inside, spec, startWarden, type TestWarden } from "../support/warden.ts";
import { addNodeLayer, startZygote } from "../support/zygote.ts";

/** Instances, sandboxes without one, a zygote and its clones: everything that a warden has below itself. */
async function fill(warden: TestWarden): Promise<number[]> {
  await addNodeLayer(warden);
  const zygote = await startZygote(warden);
  await Promise.all(Array.from({ length: 3 }, () => zygote.fork()));
  const started = Array.from({ length: 3 }, async () => (await warden.sandboxes.create(spec())).start(inside("wait")));
  await Promise.all(started);
  const pids = processTree(warden.guardianPid).map(({ pid }) => pid);
  if (pids.length < 10) throw new Error(`only ${pids.length} processes run`);
  return pids;
}

/** Zombies count, too. */
const remaining = (pids: readonly number[]): number[] => pids.filter((pid) => existsSync(`/proc/${pid}`));

test("after kill -9 of the warden the guardian ends when everyone is reaped, and tells 128 + 9", async (t) => {
  const warden = await startWarden(t);
  const pids = await fill(warden);
  warden.signal("SIGKILL");
  t.like(await warden.ended, { code: 137, signal: null });
  t.deepEqual(remaining(pids), []);
  // Its control groups are the next start's to remove.
  await (await startWarden(t, { after: warden })).stop();
  t.deepEqual(cgroupsOf(warden.id), []);
});

test("after kill -9 of the guardian the warden stops in order, and nothing is left", async (t) => {
  const warden = await startWarden(t);
  const pids = await fill(warden);
  process.kill(warden.guardianPid, "SIGKILL");
  t.like(await warden.ended, { code: null, signal: "SIGKILL" });
  await until("the warden has removed its control groups", () => cgroupsOf(warden.id).length === 0);
  // All but the warden were its children, which it reaps; itself is now the machine's to reap.
  await until("the warden is gone", () => (readProcess(warden.pid)?.state ?? "Z") === "Z");
  t.deepEqual(remaining(pids.filter((pid) => pid !== warden.pid)), []);
});

test("kill -9 of both ends everyone, and the next start removes what is left", async (t) => {
  const warden = await startWarden(t);
  const pids = await fill(warden);
  for (const signal of ["SIGSTOP", "SIGKILL"] as const)
    for (const pid of [warden.guardianPid, warden.pid]) process.kill(pid, signal);
  await warden.ended;
  await until("nobody runs", () => pids.every((pid) => (readProcess(pid)?.state ?? "Z") === "Z"));
  const next = await startWarden(t, { after: warden });
  await (await next.sandboxes.create(spec())).destroy();
  t.is((await next.stop()).code, 143);
  t.deepEqual(cgroupsOf(warden.id), []);
});

test("it hands signals down, each of them: the second one is not patient", async (t) => {
  const warden = await startWarden(t);
  process.kill(warden.relayPid, "SIGSTOP"); // hears no SIGTERM
  await until("it is stopped", () => readProcess(warden.relayPid)?.state === "T");
  process.kill(warden.guardianPid, "SIGTERM");
  await until("SIGTERM waits for it", () => /^ShdPnd:\t0{12}4000$/m.test(statusOf(warden.relayPid)));
  process.kill(warden.guardianPid, "SIGINT");
  t.like(await warden.ended, { code: 137, signal: null });
});

test("it holds its standard streams and nothing else", async (t) => {
  const warden = await startWarden(t);
  t.is(descriptorsOf(warden.guardianPid).length, 3);
  t.is(readProcess(warden.guardianPid)?.name, "tsfn-guardian");
});

function statusOf(pid: number): string {
  return readFileSync(`/proc/${pid}/status`, "utf8");
}
