// What a fleet's slots come to, as policy.ts wants to see it.

import type { PoolView } from "./policy.ts";
import type { Slot } from "./slot.ts";

export type SlotsView = Pick<PoolView, "starting" | "busyMs" | "resettingMs">;

/** Slots that serve, or will serve, those waiting. */
export function usableIn(slots: Iterable<Slot>, isSingleUse: boolean): Slot[] {
  return [...slots].filter(({ phase, used }) => phase !== "leaving" && !(used && isSingleUse));
}

/** Of usable ones. */
export function viewOf(usable: readonly Slot[], atMs: number): SlotsView {
  const busyMs: number[] = [];
  const resettingMs: number[] = [];
  let starting = 0;
  for (const { phase, instance } of usable) {
    const sinceMs = instance?.layer.swappingSinceMs ?? null;
    if (phase !== "ready") starting += 1;
    else if (sinceMs !== null) resettingMs.push(atMs - sinceMs);
    else busyMs.push(instance?.workedMs ?? 0);
  }
  return { starting, busyMs, resettingMs };
}
