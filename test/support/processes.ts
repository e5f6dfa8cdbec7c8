// What the kernel says about processes, from /proc. The leak audit, the posture test and the benchmark read it.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";

export const namespaceKinds = ["user", "mnt", "pid", "ipc", "uts", "net", "cgroup", "time"] as const;
export type NamespaceKind = (typeof namespaceKinds)[number];

export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  /** Real uid, in the host's terms. */
  readonly uid: number;
  /** `R`, `S`, … and `Z` for a zombie. */
  readonly state: string;
  readonly name: string;
  readonly commandLine: string;
  /** The lines of /proc/<pid>/cgroup. */
  readonly cgroups: string;
}

export function listProcesses(): ProcessEntry[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => readProcess(Number(pid)) ?? []);
}

/** undefined when it ended in the meantime. */
export function readProcess(pid: number): ProcessEntry | undefined {
  const status = readProc(pid, "status");
  if (status === undefined) return undefined;
  const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, "m").exec(status)?.[1] ?? "";
  return {
    pid,
    parent: Number(field("PPid")),
    uid: Number(field("Uid")),
    state: field("State"),
    name: field("Name"),
    commandLine: (readProc(pid, "cmdline") ?? "").replaceAll("\0", " ").trim(),
    cgroups: readProc(pid, "cgroup") ?? "",
  };
}

export function isAlive(pid: number): boolean {
  const state = readProcess(pid)?.state;
  return state !== undefined && state !== "Z";
}

/** It has ended, as a zombie or, as the first process of a pid namespace, waiting for the others of it to be reaped. */
export function isDying(pid: number): boolean {
  // Field 9 of proc_pid_stat(5), the kernel's flags; the name before may hold blanks and parentheses.
  const flags = Number(readProc(pid, "stat")?.replace(/^.*\)/s, "").split(" ")[7] ?? 4);
  return (flags & 4) !== 0;
}

/** A process and everything below it. */
export function processTree(pid: number): ProcessEntry[] {
  const all = listProcesses();
  const below = (parent: number): ProcessEntry[] =>
    all.filter((entry) => entry.parent === parent).flatMap((entry) => [entry, ...below(entry.pid)]);
  return [...all.filter((entry) => entry.pid === pid), ...below(pid)];
}

/** Inode numbers; a kind is missing when the process has ended. */
export function namespacesOf(pid: number | "self"): Map<NamespaceKind, number> {
  return new Map(
    namespaceKinds.flatMap((kind) => {
      const inode = /\[(\d+)\]/.exec(readLink(`/proc/${pid}/ns/${kind}`) ?? "")?.[1];
      return inode === undefined ? [] : [[kind, Number(inode)] as const];
    }),
  );
}

/** What its descriptors are open on. */
export function descriptorsOf(pid: number): string[] {
  return entriesOf(`/proc/${pid}/fd`).flatMap((fd) => readLink(join(`/proc/${pid}/fd`, fd)) ?? []);
}

/** A file below /proc/<pid>; undefined when the process has ended. */
export function readProc(pid: number | "self", name: string): string | undefined {
  return unlessGone(() => readFileSync(`/proc/${pid}/${name}`, "utf8"));
}

export function entriesOf(directory: string): string[] {
  return unlessGone(() => readdirSync(directory)) ?? [];
}

function readLink(path: string): string | undefined {
  return unlessGone(() => readlinkSync(path));
}

/** Processes end while they are looked at; any other error is the test's. EINVAL: mountinfo of a zombie. */
function unlessGone<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH" || code === "EINVAL" || code === "EACCES") return undefined;
    throw error;
  }
}
