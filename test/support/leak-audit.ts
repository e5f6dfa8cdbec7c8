// The leak audit: proves that a server left nothing behind. Everything it looks for is scoped by the server's id, data
// directory, uids and namespaces, so that audits of several servers run side by side on one machine.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cgroupMounts, cgroupName } from "./cgroups.ts";
import {
  descriptorsOf,
  entriesOf,
  isDying,
  listProcesses,
  namespacesOf,
  type ProcessEntry,
  processTree,
  readProc,
} from "./processes.ts";

export interface LeakAudit {
  /** Notes what belongs to the server while it runs: its processes, their namespaces and uids. */
  observe(guardianPid: number): void;
  /** What is below no guardian is the machine's first process's to reap, when it gets to it, and no leak. */
  leftToInit(): void;
  /** One sentence per thing that is still there. */
  leaks(): string[];
  /** To be called once the server has ended, which is when nothing is left. @throws Error otherwise */
  assertClean(): void;
}

/** The first uid that sandboxes get; a server owns blocks of 2 ** 24 from here. */
const firstSandboxUid = 0x4000_0000;

/**
 * @param directory the data directory, without symbolic links; it need not exist yet
 * @param beside processes whose namespaces are not the server's, though it may run in them
 */
export function createLeakAudit(directory: string, beside: readonly number[] = []): LeakAudit {
  const group = cgroupName(directory);
  const host = new Set((["self", ...beside] as const).flatMap((pid) => [...namespacesOf(pid).values()]));
  const namespaces = new Set<number>();
  const uidBlocks = new Set<number>();
  const pids = new Set<number>();

  let guarded = true;
  const isReapedByInit = ({ pid, parent }: ProcessEntry): boolean => !guarded && parent === 1 && isDying(pid);
  const isOurs = (entry: ProcessEntry, owners: ReadonlySet<number>): boolean =>
    entry.pid !== process.pid &&
    !isReapedByInit(entry) &&
    (entry.commandLine.includes(`${directory}/`) ||
      entry.cgroups.includes(`/${group}`) ||
      (pids.has(entry.pid) && entry.state === "Z") ||
      (!owners.has(entry.pid) &&
        ((entry.uid >= firstSandboxUid && uidBlocks.has(entry.uid >>> 24)) ||
          [...namespacesOf(entry.pid).values()].some((inode) => namespaces.has(inode)))));

  const leaks = (): string[] => {
    const processes = listProcesses();
    const owners = belowOtherServers(processes, directory);
    return [
      ...processes
        .filter((entry) => isOurs(entry, owners))
        .map(({ pid, state, name, commandLine }) => `process ${pid} (${state}) ${commandLine || name}`),
      ...cgroupMounts()
        .filter(({ path }) => entriesOf(path).includes(group))
        .map(({ path }) => `cgroup ${join(path, group)}`),
      ...mountsBelow(directory).map((line) => `mount ${line}`),
      ...pinnedNamespaces(namespaces, owners).map((line) => `namespace ${line}`),
      ...socketsBelow(directory).map((path) => `socket ${path}`),
      ...entriesOf(join(directory, "staging")).map((name) => `file ${join(directory, "staging", name)}`),
    ];
  };

  return {
    observe(guardianPid) {
      for (const { pid, uid } of processTree(guardianPid)) {
        pids.add(pid);
        if (uid >= firstSandboxUid) uidBlocks.add(uid >>> 24);
        for (const inode of namespacesOf(pid).values()) if (!host.has(inode)) namespaces.add(inode);
      }
    },
    leftToInit() {
      guarded = false;
    },
    leaks,
    assertClean() {
      const found = leaks();
      if (found.length > 0) throw new Error(`the server left behind:\n${found.join("\n")}`);
    },
  };
}

/** Every descriptor that a process holds; for comparing before and after. */
export function countDescriptors(pid: number): number {
  return descriptorsOf(pid).length;
}

/** Uids and inode numbers of a server that ended go to the next one, so what lives below another warden is not ours. */
function belowOtherServers(processes: readonly ProcessEntry[], directory: string): Set<number> {
  const byPid = new Map(processes.map((entry) => [entry.pid, entry]));
  const isBelow = (entry: ProcessEntry | undefined): boolean => {
    if (entry === undefined) return false;
    if (entry.name === "warden")
      return !entry.commandLine.includes(`${directory}/`) && !entry.commandLine.endsWith(directory);
    return isBelow(byPid.get(entry.parent));
  };
  return new Set(processes.filter(isBelow).map(({ pid }) => pid));
}

/** In this mount namespace and in that of every other process: a private one keeps a mount alive unseen. */
function mountsBelow(directory: string): string[] {
  const lines = new Set<string>();
  for (const pid of distinctMountNamespaces()) {
    for (const line of (readProc(pid, "mountinfo") ?? "").split("\n")) {
      const [, , , root, point] = line.split(" ");
      if (point?.startsWith(`${directory}/`) || root?.startsWith(`${directory}/`)) lines.add(`of ${pid}: ${line}`);
    }
  }
  return [...lines];
}

function distinctMountNamespaces(): number[] {
  const byInode = new Map<number, number>();
  for (const { pid } of listProcesses()) {
    const inode = namespacesOf(pid).get("mnt");
    if (inode !== undefined) byInode.set(inode, pid);
  }
  return [...byInode.values()];
}

/** A namespace without a process lives on in a descriptor or in a bind mount. */
function pinnedNamespaces(namespaces: ReadonlySet<number>, owners: ReadonlySet<number>): string[] {
  const names = (text: string) => namespaces.has(Number(/^\w+:\[(\d+)\]$/.exec(text)?.[1]));
  const byDescriptor = listProcesses()
    .filter(({ pid }) => !owners.has(pid))
    .flatMap(({ pid }) =>
      descriptorsOf(pid)
        .filter(names)
        .map((target) => `${target} open in ${pid}`),
    );
  const byMount = (readProc("self", "mountinfo") ?? "").split("\n").filter((line) => names(line.split(" ")[3] ?? ""));
  return [...byDescriptor, ...byMount];
}

/** Listening sockets by path, and socket files that nobody listens on any more. */
function socketsBelow(directory: string): string[] {
  return (readFileSync("/proc/net/unix", "utf8").match(/ \/\S+$/gm) ?? [])
    .map((path) => path.trim())
    .filter((path) => path.startsWith(`${directory}/`) || path.startsWith(join(directory, "../run/")))
    .concat([join(directory, "../run/admin.sock")].filter((path) => existsSync(path)));
}
