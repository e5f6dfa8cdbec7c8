// Who goes first when there is more to do than processors: what the kernel was told, as it tells it itself. What that brings is
// measured (bench/scenarios/neighbour.ts).

import { existsSync, readFileSync } from "node:fs";
import { availableParallelism, release } from "node:os";
import { join } from "node:path";
import test from "ava";
import { cgroupsOf, foremanOf, type TestWarden } from "../support/warden.ts";
import { generic, shareZygote, type TestZygote } from "../support/zygote.ts";

let warden: TestWarden;
let zygote: TestZygote;
shareZygote(test, (shared) => {
  ({ warden, zygote } = shared);
});

const [major = 0, minor = 0] = release().split(".").map(Number);
const takesSlices = major > 6 || (major === 6 && minor >= 12);

/** Microseconds; undefined where the kernel has none for a process, or does not tell. */
function sliceOf(pid: number): number | undefined {
  if (!takesSlices || !existsSync(`/proc/${pid}/sched`)) return undefined;
  const told = /^se\.slice\s*:\s*(\d+)$/m.exec(readFileSync(`/proc/${pid}/sched`, "utf8"))?.[1];
  return told === undefined ? undefined : Number(told) / 1_000;
}

/** Of a group below the server's parent, or of the parent itself, in a v1 tree; undefined where v2 divides the processor. */
function sharesOf(name: string): number | undefined {
  const file = cgroupsOf(warden.id)
    .map((parent) => join(parent, name, "cpu.shares"))
    .find((path) => existsSync(path));
  return file === undefined ? undefined : Number(readFileSync(file, "utf8"));
}

test.serial("tsfnd is before everyone else, and has room for all its descriptors from the start", (t) => {
  const { relayPid } = warden;
  const nice = readFileSync(`/proc/${relayPid}/stat`, "utf8").split(") ")[1]?.split(" ")[16];
  t.is(nice, "-10");
  const autogroup = `/proc/${relayPid}/autogroup`;
  if (existsSync(autogroup)) t.regex(readFileSync(autogroup, "utf8"), / nice -10\n/);
  t.true([100, undefined].includes(sliceOf(relayPid)), String(sliceOf(relayPid)));
  const room = Number(/^FDSize:\s*(\d+)$/m.exec(readFileSync(`/proc/${relayPid}/status`, "utf8"))?.[1]);
  const limit = Number(/^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${relayPid}/limits`, "utf8"))?.[1]);
  t.true(room >= Math.min(limit, 32_768), `${room} of ${limit}`);
});

test.serial("what is started gives way until it is complete", async (t) => {
  const sandbox = await generic(warden);
  t.true([256, undefined].includes(sharesOf(sandbox.id)), String(sharesOf(sandbox.id)));
  const clone = await zygote.fork();
  t.true([1_024, undefined].includes(sharesOf(clone.sandbox.id)), String(sharesOf(clone.sandbox.id)));
  t.true([300, undefined].includes(sliceOf(clone.process.pid)), String(sliceOf(clone.process.pid)));
  for (const pid of [await foremanOf(warden), zygote.process.pid]) {
    t.true([20_000, undefined].includes(sliceOf(pid)), String(sliceOf(pid)));
  }
  await sandbox.destroy();
  await clone.sandbox.destroy();
});

test.serial("all sandboxes together weigh as much as a process on each processor", (t) => {
  t.true([1_024 * availableParallelism(), undefined].includes(sharesOf("")), String(sharesOf("")));
});
