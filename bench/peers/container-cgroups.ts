// Groups of ours at the root of every cgroup hierarchy, with those that container engines make below them.

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { cgroupMounts } from "../../test/support/cgroups.ts";

/** The first of them. @param group path below the root of the hierarchies @throws Error when there is none */
export function processIn(group: string): number {
  const [pid] = processesIn(group);
  if (pid === undefined) throw new Error(`the cgroup ${group} has no process; wanted one`);
  return pid;
}

/** Kills what is in the group, and so the container; the command that started it, if there is nothing yet. */
export async function endContainer(command: ChildProcess, group: string): Promise<void> {
  if (command.exitCode !== null || command.signalCode !== null) return;
  const exited = once(command, "exit");
  const pids = processesIn(group);
  for (const pid of pids) process.kill(pid, "SIGKILL");
  if (pids.length === 0) command.kill("SIGKILL");
  await exited;
}

/** Ascending; zombies are in none. */
export function processesIn(group: string): number[] {
  const pids = groupsAt(group).flatMap((path) =>
    noneWhenGone(() => readFileSync(join(path, "cgroup.procs"), "utf8").split("\n")),
  );
  return [...new Set(pids.filter((pid) => pid !== "").map(Number))].sort((a, b) => a - b);
}

/** @throws Error when a process is left in one of them */
export function removeGroups(group: string): void {
  for (const path of groupsAt(group).toReversed()) rmdirSync(path);
}

/** Directories in every hierarchy, parents before their children. */
function groupsAt(group: string): string[] {
  return cgroupMounts()
    .map(({ path }) => join(path, group))
    .filter((path) => existsSync(path))
    .flatMap((path) => [path, ...directoriesBelow(path)]);
}

function directoriesBelow(path: string): string[] {
  return noneWhenGone(() => readdirSync(path, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => [join(path, name), ...directoriesBelow(join(path, name))]);
}

/** An engine removes its groups while they are looked at. */
function noneWhenGone<Item>(list: () => Item[]): Item[] {
  try {
    return list();
  } catch (error) {
    // ENODEV of a file that was open already.
    if (!["ENOENT", "ENODEV"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
    return [];
  }
}
