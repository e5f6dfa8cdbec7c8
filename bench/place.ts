// Where a benchmark keeps what it makes: directories and cgroups that carry the name of the process they belong to, so that
// the next one can tell what a killed one left behind (leftovers.ts).

import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Of a process and of no other that gets its pid later; undefined when there is no such process. */
export function keyOf(pid: number | "self"): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name, in parentheses, may hold anything; the start time is field 22, in ticks since boot. proc_pid_stat(5)
    const started = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19];
    return `${stat.slice(0, stat.indexOf(" "))}-${started}`;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH") return undefined;
    throw error;
  }
}

const prefix = "tsfn-bench-";
const own = `${prefix}${keyOf("self")}-`;

/** Of a directory or a cgroup of this process. */
export function ownName(name: string): string {
  return `${own}${name}`;
}

/** Of the cgroup below which a container engine makes its own, in every hierarchy. */
export function containersName(engine: string): string {
  return ownName(`containers-of-${engine}`);
}

export function isOfContainers(name: string): boolean {
  return /^tsfn-bench-\d+-\d+-containers-of-/.test(name);
}

/** The key of the process that a name made with `ownName` belongs to; undefined for any other name. */
export function keyIn(name: string): string | undefined {
  return new RegExp(`^${prefix}(\\d+-\\d+)-`).exec(name)?.[1];
}

/** A new directory without links in its path; removed with `owner`. @throws Error when the owner has ended already */
export function makePlace(owner: AsyncDisposableStack): string {
  if (owner.disposed) throw new Error("cannot make a directory: the scenario has ended");
  const place = realpathSync(mkdtempSync(join(tmpdir(), own)));
  owner.defer(() => rmSync(place, { recursive: true }));
  return place;
}
