// Removes what a benchmark left behind that was killed with kill -9; one that is interrupted does it itself. Everything is
// found by the name of the process that it belongs to (place.ts).

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cgroupMounts } from "../test/support/cgroups.ts";
import { isAlive, readProcess } from "../test/support/processes.ts";
import { until } from "../test/support/until.ts";
import { processesIn, removeGroups } from "./peers/container-cgroups.ts";
import { isOfContainers, keyIn, keyOf } from "./place.ts";

/** For servers to stop by themselves: they remove what only they know of. */
const stopPatienceMs = 20_000;

/** Of every process that has ended. */
export async function removeLeftovers(): Promise<void> {
  const isTheirs = (name: string) => {
    const key = keyIn(name);
    return key !== undefined && keyOf(Number(key.split("-")[0])) !== key;
  };
  const names = new Set(cgroupMounts().flatMap(({ path }) => readdirSync(path).filter(isTheirs)));
  const processes = () => [...names].flatMap((name) => processesIn(name));
  // The first process of a container ignores what it does not handle, and those that wait for it wait on.
  for (const name of names) if (isOfContainers(name)) for (const pid of processesIn(name)) signal(pid, "SIGKILL");
  await endAll(processes);
  for (const name of names) await until(`the groups ${name} are removed`, () => canRemove(name));
  const places = readdirSync(tmpdir())
    .filter(isTheirs)
    .map((name) => join(tmpdir(), name));
  for (const place of places) {
    for (const point of mountsBelow(place)) execFileSync("umount", ["--lazy", point]);
    rmSync(place, { recursive: true });
  }
}

/** Those that nobody of them has started first: a server takes its own processes with it. */
async function endAll(processes: () => readonly number[]): Promise<void> {
  const all = new Set(processes());
  const heads = [...all].filter((pid) => !all.has(readProcess(pid)?.parent ?? 0));
  for (const pid of heads) signal(pid, "SIGTERM");
  const gone = () => processes().every((pid) => !isAlive(pid));
  const killAt = performance.now() + stopPatienceMs;
  await until("the leftover processes have stopped or may be killed", () => gone() || performance.now() > killAt);
  for (const pid of processes()) signal(pid, "SIGKILL");
  await until("the leftover processes have ended", gone);
}

/** A process is a zombie before all of its threads have left their group. */
function canRemove(name: string): boolean {
  try {
    removeGroups(name);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EBUSY") throw error;
    return false;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    // It has ended in the meantime.
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The last one made first. */
function mountsBelow(place: string): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((point) => point.startsWith(`${place}/`))
    .toReversed();
}
