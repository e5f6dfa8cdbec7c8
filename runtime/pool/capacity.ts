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

/** How many callers may be connected: what instances need is left to them, however many strangers come. */
export function connectionsFor(openFiles: number): number {
  return Math.max(16, Math.floor(openFiles * reservedShare) - reservedDescriptors / 2);
}

/** This process's limit, which is the warden's too: neither may raise it. */
export async function openFilesLimit(): Promise<number> {
  const text = await readFile("/proc/self/limits", "utf8");
  const found = /^Max open files +(\d+|unlimited)/m.exec(text)?.[1];
  if (found === undefined) throw new Error(`/proc/self/limits has no line of open files: ${text}`);
  return found === "unlimited" ? Number.MAX_SAFE_INTEGER : Number(found);
}
