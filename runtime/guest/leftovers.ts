// What a module left open by being loaded that a fork cannot take along: its clones would share a socket's peer, miss a
// thread, or hold a descriptor that is closed in them. A version with such things is forked before its code is loaded.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { limits } from "../wire/index.ts";

/** How long what loading began may take to end; work in the thread pool does end, so it is waited for longer. */
const patienceMs = 200;
const workPatienceMs = 2_000;
const lookEveryMs = 5;

/** What keeps the event loop alive, as Node names it. Unknown names are told as they are. */
const resources: ReadonlyMap<string, string> = new Map([
  ["TCPServerWrap", "a listening socket"],
  ["PipeServerWrap", "a listening socket"],
  ["TCPSocketWrap", "a connection"],
  ["UDPWrap", "a datagram socket"],
  ["PipeWrap", "a pipe"],
  ["ProcessWrap", "a child process"],
  ["MessagePort", "a message port or worker"],
  ["FSEventWrap", "a file watcher"],
  ["StatWatcher", "a file watcher"],
  ["Timeout", "a running timer"],
]);

const threadPoolWork = "work in the thread pool";

/**
 * Begins to watch; the function returned resolves with what is there now and was not, in words. `isBusy` tells whether
 * anything keeps the event loop alive.
 */
export function watchLeftovers(isBusy: () => boolean): () => Promise<readonly string[]> {
  const activeBefore = process.getActiveResourcesInfo();
  const openBefore = openFiles();
  const threadsBefore = threads().length;
  const look = () => {
    const found = [...busyWith(activeBefore), ...lasting()];
    return found.length === 0 && isBusy() ? [threadPoolWork] : found;
  };
  const lasting = () => [
    ...newFiles(openBefore),
    ...(threads().length > threadsBefore ? ["a thread"] : []),
    ...children(),
  ];
  return async () => {
    let found = look();
    const isWorthWaiting = (waitedMs: number) =>
      found.length > 0 && waitedMs < (found[0] === threadPoolWork ? workPatienceMs : patienceMs);
    for (let waitedMs = 0; isWorthWaiting(waitedMs); waitedMs += lookEveryMs) {
      await sleep(lookEveryMs);
      found = look();
    }
    return [...new Set(found)].slice(0, limits.maxReasons).map((reason) => reason.slice(0, limits.maxReasonLength));
  };
}

/** What keeps the event loop alive and did not `before`, as Node names those; in words. */
export function busyWith(before: readonly string[]): string[] {
  const names = withoutOnce(process.getActiveResourcesInfo(), before);
  return [...new Set(names.map((name) => resources.get(name) ?? `an open ${name}`))];
}

/** Each of `taken` is taken out once. Node itself has a stream on its stderr, for one. */
function withoutOnce(names: readonly string[], taken: readonly string[]): string[] {
  const left = [...names];
  for (const name of taken) {
    const at = left.indexOf(name);
    if (at >= 0) left.splice(at, 1);
  }
  return left;
}

/** Descriptor → what it is open on. */
function openFiles(): ReadonlyMap<string, string> {
  const entries = readdirSync("/proc/self/fd").map((fd) => [fd, linkOf(fd)] as const);
  return new Map(entries.filter((entry): entry is readonly [string, string] => entry[1] !== null));
}

/** null for the descriptor that read the directory, which is closed by now. */
function linkOf(fd: string): string | null {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return null;
  }
}

function newFiles(before: ReadonlyMap<string, string>): string[] {
  const added = [...openFiles()].filter(([fd, target]) => before.get(fd) !== target).map(([, target]) => target);
  return added.map((target) => {
    if (target.startsWith("socket:")) return "a socket";
    if (target.startsWith("pipe:")) return "a pipe";
    return target.startsWith("anon_inode:")
      ? `an open ${target.slice("anon_inode:".length)}`
      : `an open file ${target}`;
  });
}

/** Those that libuv starts and renews by itself are no matter. */
function threads(): string[] {
  return readdirSync("/proc/self/task").filter((id) => nameOf(id) !== "libuv-worker");
}

function nameOf(thread: string): string {
  try {
    return readFileSync(`/proc/self/task/${thread}/comm`, "utf8").trim();
  } catch {
    return ""; // It has just ended.
  }
}

/** Every process in sight but the sandbox's first one and this. */
function children(): string[] {
  const others = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && name !== "1" && name !== ownPid());
  return others.length === 0 ? [] : ["a child process"];
}

function ownPid(): string {
  return readlinkSync("/proc/self");
}
