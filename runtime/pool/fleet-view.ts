// What a fleet's slots come to, as policy.ts wants to see it, and how rarely that need be looked at.

import type { PoolView } from "./policy.ts";
import type { Slot } from "./slot.ts";

export type SlotsView = Pick<PoolView, "starting" | "busyMs" | "resettingMs">;

/** How many serve, or will serve, those waiting. */
export function countUsable(slots: Iterable<Slot>, isSingleUse: boolean): number {
  let count = 0;
  for (const slot of slots) if (isUsable(slot, isSingleUse)) count += 1;
  return count;
}

/** Of those that are usable. */
export function viewOf(slots: Iterable<Slot>, isSingleUse: boolean, atMs: number): SlotsView {
  const busyMs: number[] = [];
  const resettingMs: number[] = [];
  let starting = 0;
  for (const slot of slots) {
    if (!isUsable(slot, isSingleUse)) continue;
    const { phase, inFlight, instance } = slot;
    const sinceMs = instance?.layer.swappingSinceMs ?? null;
    if (phase !== "ready") starting += 1;
    else if (sinceMs !== null) resettingMs.push(atMs - sinceMs);
    else busyMs.push(inFlight === 0 ? 0 : (instance?.workedMs ?? 0));
  }
  return { starting, busyMs, resettingMs };
}

function isUsable({ phase, used }: Slot, isSingleUse: boolean): boolean {
  return phase !== "leaving" && !(used && isSingleUse);
}

/**
 * The starts that are wanted, by the last look at every instance. In a burst one start follows another and nothing else happens,
 * so a look that found many is good for half of them: to look again for each would take longer than starting them, when
 * there are hundreds.
 */
export class StartsOutlook {
  #left = 0;
  #enough = 0;
  #freedAtMs = Number.NaN;

  /** @param freedAtMs when the last invocation ended: others may not need an instance of their own now */
  wanted(freedAtMs: number, look: () => number): number {
    if (this.#left > this.#enough && freedAtMs === this.#freedAtMs) return this.#left;
    this.#freedAtMs = freedAtMs;
    this.#left = look();
    this.#enough = Math.floor(this.#left / 2);
    return this.#left;
  }

  started(): void {
    this.#left -= 1;
  }
}
