// What counts as work of an instance: a real process that computes, one that sleeps, and one that is halted.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { WorkMeter } from "../../runtime/instance/work-meter.ts";
import { now } from "../../runtime/trace.ts";
import { loadActivityReader } from "../../runtime/warden/index.ts";
import { until } from "../support/until.ts";

const readActivity = loadActivityReader();

async function start(t: ExecutionContext, source: string): Promise<ChildProcess & { readonly pid: number }> {
  const child = spawn(process.execPath, ["-e", `process.stdout.write("ready"); ${source}`]);
  t.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  await once(child.stdout, "data");
  return Object.assign(child, { pid: child.pid ?? 0 });
}

test("a process that computes works, as long as it has a processor", async (t) => {
  const { pid } = await start(t, "for (;;);");
  const sinceMs = now();
  const meter = new WorkMeter(() => readActivity(pid));
  meter.watch(sinceMs);
  await until("it has worked for 20 ms", () => meter.workedMs(sinceMs) >= 20);
  t.true(meter.workedMs(sinceMs) <= now() - sinceMs, "no longer than there was time");
});

test("a process that sleeps is at work on what it waits for", async (t) => {
  const { pid } = await start(t, "setInterval(() => {}, 1e6);");
  await until("it sleeps", () => readActivity(pid)?.isAsleep === true);
  const sinceMs = now();
  await until("five milliseconds of sleep are work", () => {
    return new WorkMeter(() => readActivity(pid)).workedMs(sinceMs) >= 5;
  });
  t.pass();
});

test("a process that could run and is not let does not work", async (t) => {
  const { pid } = await start(t, "for (;;);");
  const activity = await until("it runs", () => {
    const seen = readActivity(pid);
    return seen?.isAsleep === false ? seen : null;
  });
  // As the kernel tells of one that waits for a processor: it could run, and its time stands still.
  const sinceMs = now();
  const meter = new WorkMeter(() => activity);
  meter.watch(sinceMs);
  await pause(10);
  t.is(meter.workedMs(sinceMs), 0);
});

test("work is counted anew for every beginning, and from the first question on", async (t) => {
  let cpuMs = 100;
  const meter = new WorkMeter(() => ({ cpuMs, isAsleep: false }));
  const first = now();
  await pause(5);
  t.is(meter.workedMs(first), 0, "what came before nobody saw");
  cpuMs += 2;
  // Longer than an answer is good for.
  await pause(100);
  t.is(meter.workedMs(first), 2);
  const second = now();
  meter.watch(second);
  cpuMs += 3;
  await pause(5);
  t.is(meter.workedMs(second), 3);
});

test("where nobody can tell, all time is work; less than a millisecond is asked about by nobody", async (t) => {
  let asked = 0;
  const meter = new WorkMeter(() => {
    asked += 1;
    return null;
  });
  // However long this takes: it has hardly begun.
  t.true(meter.workedMs(now() + 1_000) < 1);
  t.is(asked, 0);
  t.true(meter.workedMs(now() - 50) >= 50);
  t.is(asked, 1);
  t.is(readActivity(2 ** 22), null, "no process has this number");
});
