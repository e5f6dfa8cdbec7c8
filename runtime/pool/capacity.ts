// How many instances the machine may hold at all: as many as the operator allows (memory is behind that setting's default),
// and as many as there are descriptors for. budget.ts keeps to the smaller one, and errors name it.

import { readFile } from "node:fs/promises";
import type { Shortage } from "./waiting-line.ts";

/** `bound` is what bounds the instances. */
export interface Capacity extends Shortage {
  readonly maxInstances: number;
}

/**
 * The warden: its mount namespace, layer and events, and a root for the next reset. tsfnd holds five: its stream, stdout, stderr
 * and tickets, and the connection of a caller.
 */
const descriptorsPerInstance = 8;
/** The warden's share of a sandbox that waits: its namespaces and the ends of the process that it will have. */
const descriptorsPerReady = 12;
/** Listeners, the catalog, the event loop, control groups; zygotes; idle connections and uploads. */
const reservedDescriptors = 256;
const reservedShare = 0.25;
/** Connections to a listener, however low the limit. */
const fewest = 16;

export function capacityOf(
  settings: { readonly maxInstances: number; readonly sandboxesReady: number },
  openFiles: number,
): Capacity {
  const free = openFiles * (1 - reservedShare) - reservedDescriptors - settings.sandboxesReady * descriptorsPerReady;
  const byDescriptors = Math.max(1, Math.floor(free / descriptorsPerInstance));
  if (byDescriptors < settings.maxInstances) {
    return {
      maxInstances: byDescriptors,
      bound: `${byDescriptors} instances are all that ${openFiles} open files allow`,
      hint: "Retry later, or start the server with a higher limit of open files (ulimit -n, LimitNOFILE=)",
    };
  }
  return {
    maxInstances: settings.maxInstances,
    bound: `${settings.maxInstances} instances of all functions are the server's limit (--max-instances)`,
    hint: "Retry later, or raise --max-instances",
  };
}

/** How many may be connected to the public listener, and to each of the admin API: whoever comes, instances get what they need. */
export function connectionsFor(openFiles: number): { readonly callers: number; readonly operators: number } {
  const callers = Math.max(fewest, Math.floor(openFiles * reservedShare) - reservedDescriptors / 2);
  return { callers, operators: Math.max(fewest, Math.floor(callers / 4)) };
}

/** This process's limit, which is the warden's too: neither may raise it. */
export async function openFilesLimit(): Promise<number> {
  const text = await readFile("/proc/self/limits", "utf8");
  const found = /^Max open files +(\d+|unlimited)/m.exec(text)?.[1];
  if (found === undefined) throw new Error(`/proc/self/limits has no line of open files: ${text}`);
  return found === "unlimited" ? Number.MAX_SAFE_INTEGER : Number(found);
}
