// CPU time of everything a program starts, from a cgroup of its own: exact, cheap to read, and it counts processes that
// have already ended. Any cgroup v2 tree will do, with or without controllers.

import { mkdtempSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupMounts, cgroupName } from "../test/support/cgroups.ts";
import { ownName } from "./place.ts";

export interface CpuMeter {
  /** Runs `start` inside the group, so that whatever it spawns is counted. */
  within<Value>(start: () => Value): Value;
  /** Microseconds so far. */
  read(): number;
  /** The processes must have ended. */
  remove(): void;
}

/** @param engine a group at the root into which what is started may move its children, there or not */
export function createCpuMeter(name: string, engine?: string): CpuMeter {
  const tree = v2Tree();
  const directory = mkdtempSync(join(tree, ownName(`${name}-`)));
  const home = join(tree, /^0::(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1] ?? "/");
  const enter = (group: string) => writeFileSync(join(group, "cgroup.procs"), String(process.pid));
  return {
    within(start) {
      enter(directory);
      try {
        return start();
      } finally {
        enter(home);
      }
    },
    read: () => readUsageUs(directory) + (engine === undefined ? 0 : readGroupUs(engine)),
    remove: () => rmdirSync(directory),
  };
}

/** CPU time of tsfnd and of all sandboxes of a server, those that are gone included; 0 before there are any. */
export function readSandboxesUs(dataDir: string): number {
  return readGroupUs(cgroupName(dataDir));
}

function readGroupUs(name: string): number {
  const tree = v2Tree();
  return readdirSync(tree).includes(name) ? readUsageUs(join(tree, name)) : 0;
}

function readUsageUs(directory: string): number {
  return Number(/^usage_usec (\d+)$/m.exec(readFileSync(join(directory, "cpu.stat"), "utf8"))?.[1]);
}

function v2Tree(): string {
  const tree = cgroupMounts().find(({ type }) => type === "cgroup2");
  if (tree === undefined) throw new Error("no cgroup v2 tree is mounted; CPU time is read from one");
  return tree.path;
}
