// How long an instance has really been at work. On a machine with more to do than processors, one that has not answered for a while
// has often only not been given one; another instance would get none either, so that neither sending invocations elsewhere
// nor starting more helps. The kernel knows (native/activity.c), and is asked only about what takes long.

import type { SandboxProcess } from "../sandbox/index.ts";
import { now } from "../trace.ts";

/** About less, nobody asks. */
const unaskedMs = 1;
/** An answer is good for so long, or for half of the time that the work has lasted: hundreds that work long are not asked all the time. */
const freshMs = 0.5;

export class WorkMeter {
  readonly #activity: SandboxProcess["activity"];
  /** The moment since when work is counted, and what processor time had been used when it was first asked about. */
  #sinceMs = Number.NaN;
  #cpuMs = 0;
  #askedAtMs = 0;
  #workedMs = 0;

  constructor(activity: SandboxProcess["activity"]) {
    this.#activity = activity;
  }

  /** Milliseconds since `sinceMs` in which it worked or slept. What came before the first question, or `watch`, counts as none. */
  workedMs(sinceMs: number): number {
    const atMs = now();
    const elapsedMs = atMs - sinceMs;
    if (elapsedMs < unaskedMs) return elapsedMs;
    const isFresh = atMs - this.#askedAtMs < Math.max(freshMs, elapsedMs / 2);
    if (sinceMs === this.#sinceMs && isFresh) return this.#workedMs;
    this.#askedAtMs = atMs;
    this.#workedMs = this.#ask(sinceMs, elapsedMs);
    return this.#workedMs;
  }

  /** Counts from now on at the latest. */
  watch(sinceMs: number): void {
    if (sinceMs === this.#sinceMs) return;
    this.#ask(sinceMs, 0);
    this.#askedAtMs = 0;
  }

  #ask(sinceMs: number, elapsedMs: number): number {
    const activity = this.#activity();
    // Where nobody can tell, it is at work.
    if (activity === null) return elapsedMs;
    if (sinceMs !== this.#sinceMs) this.#cpuMs = activity.cpuMs;
    this.#sinceMs = sinceMs;
    if (elapsedMs === 0) return 0;
    return activity.isAsleep ? elapsedMs : Math.min(elapsedMs, activity.cpuMs - this.#cpuMs);
  }
}
