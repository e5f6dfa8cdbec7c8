// The pool's record of one instance, from before it exists until it is gone, and the choice of the next one to use.

import type { Instance } from "../instance/index.ts";
import type { StartStep } from "../invocation.ts";
import { mostAhead } from "./policy.ts";
import type { UsageWatch } from "./usage-watch.ts";

/** leaving: takes no more invocations; its sandbox is being destroyed or waits for the last ones in flight. */
export type SlotPhase = "starting" | "ready" | "leaving";

export interface Slot {
  readonly id: string;
  readonly startedAtMs: number;
  phase: SlotPhase;
  /** null while it starts. */
  instance: Instance | null;
  /** Of its start; empty until that is over. */
  readonly startSteps: StartStep[];
  /** Resolves when its start is over, well or not. */
  startOver: Promise<void>;
  /** null while it starts. */
  usage: UsageWatch | null;
  readyAtMs: number;
  inFlight: number;
  /** Whether an invocation was ever handed over. */
  used: boolean;
  /** When it last began to work or finished something. */
  progressAtMs: number;
  /** What the instance told while its start was not yet awaited, in order. */
  readonly early: (() => void)[];
}

export function newSlot(id: string, startedAtMs: number): Slot {
  return {
    id,
    startedAtMs,
    phase: "starting",
    instance: null,
    startSteps: [],
    startOver: Promise.resolve(),
    usage: null,
    readyAtMs: startedAtMs,
    inFlight: 0,
    used: false,
    progressAtMs: startedAtMs,
    early: [],
  };
}

/** A slot whose instance exists. */
export type LiveSlot = Slot & { instance: Instance; usage: UsageWatch };

export function isLive(slot: Slot): slot is LiveSlot {
  return slot.instance !== null;
}

/** Whether another invocation may be handed over though one runs, given how long one usually takes. */
export function hasRoomAhead(slot: LiveSlot, tookMs: number | null): boolean {
  const { phase, inFlight, instance, usage } = slot;
  if (phase !== "ready" || inFlight === 0 || tookMs === null || !instance.takesAhead || usage.isOverdue) return false;
  return inFlight <= mostAhead(tookMs);
}

/** Ready slots with room for another invocation; the most recently used last, so that the others may grow idle. */
export class FreeSlots {
  readonly #slots: LiveSlot[] = [];

  /** The least loaded one, of equals the most recently used. It stays free until it is removed. */
  best(): LiveSlot | undefined {
    let best: LiveSlot | undefined;
    for (let index = this.#slots.length - 1; index >= 0; index -= 1) {
      const slot = this.#slots[index];
      if (slot === undefined) continue;
      if (slot.inFlight === 0) return slot;
      if (best === undefined || slot.inFlight < best.inFlight) best = slot;
    }
    return best;
  }

  add(slot: LiveSlot): void {
    if (!this.#slots.includes(slot)) this.#slots.push(slot);
  }

  remove(slot: Slot): void {
    const index = this.#slots.lastIndexOf(slot as LiveSlot);
    if (index >= 0) this.#slots.splice(index, 1);
  }

  /** Those with nothing in flight, the longest idle first. */
  idle(): LiveSlot[] {
    return this.#slots.filter((slot) => slot.inFlight === 0).sort((a, b) => a.progressAtMs - b.progressAtMs);
  }
}
