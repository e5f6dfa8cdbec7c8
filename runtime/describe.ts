// What list, inspect and ps show: the state of pools and instances as plain records.

import type { FunctionVersion } from "./catalog/index.ts";
import type { Pool, Slot } from "./pool/index.ts";
import type { Sandbox, SandboxUsage } from "./sandbox/index.ts";
import type { FunctionSummary, InstanceDescription, PoolSnapshot } from "./surface.ts";
import { now } from "./trace.ts";

/** `pools` are all of the function's; instances of older versions count as retiring. */
export function snapshotOf(version: FunctionVersion, pools: readonly Pool[]): PoolSnapshot {
  const total = { waiting: 0, starting: 0, idle: 0, busy: 0, retiring: 0 };
  for (const pool of pools) {
    const { waiting, starting, idle, busy, retiring } = pool.counts();
    total.waiting += waiting;
    total.starting += starting;
    total.idle += idle;
    total.busy += busy;
    total.retiring += retiring;
  }
  return { function: version.function, version: version.number, ...total };
}

export function summaryOf(version: FunctionVersion, pools: readonly Pool[]): FunctionSummary {
  return { ...snapshotOf(version, pools), createdAt: version.createdAt, sizeBytes: version.sizeBytes };
}

export function describeInstances(pools: readonly Pool[]): Promise<InstanceDescription[]> {
  return Promise.all(pools.flatMap((pool) => [...pool.slots].map((slot) => describe(pool.version, slot))));
}

async function describe(version: FunctionVersion, slot: Slot): Promise<InstanceDescription> {
  const sandbox = slot.instance?.sandbox ?? null;
  const atMs = now();
  const state = stateOf(slot);
  return {
    function: version.function,
    version: version.number,
    id: slot.id,
    state,
    inFlight: slot.inFlight,
    served: slot.instance?.served ?? 0,
    ageMs: atMs - slot.startedAtMs,
    idleMs: state === "idle" ? atMs - slot.progressAtMs : null,
    sandbox: sandbox?.describe() ?? null,
    usage: sandbox === null ? null : await usageOf(sandbox),
  };
}

function stateOf(slot: Slot): InstanceDescription["state"] {
  if (slot.phase === "starting") return "starting";
  if (slot.phase === "leaving") return "retiring";
  return slot.inFlight > 0 ? "busy" : "idle";
}

/** A sandbox may be destroyed while it is looked at; then nothing can be said about it. */
function usageOf(sandbox: Sandbox): Promise<SandboxUsage | null> {
  return sandbox.usage().catch(() => null);
}
