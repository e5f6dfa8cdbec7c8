// Remembers how the last starts of a version went: after failures in a row it is left alone for a while, and callers
// who would only wait for the next failure are refused. The numbers are policy.ts's.

import type { FunctionVersion } from "../catalog/index.ts";
import { TsfnError } from "../errors.ts";
import { backoffMs, isHopeless } from "./policy.ts";

export class CrashLoop {
  #failures = 0;
  #failedAtMs = Number.NEGATIVE_INFINITY;
  #untilMs = Number.NEGATIVE_INFINITY;
  #last: TsfnError | null = null;

  /** A start failed, or an instance ended before anything was asked of it. */
  failed(error: TsfnError, startedAtMs: number, nowMs: number): void {
    this.#last = error;
    // Starts that ran side by side fail for one reason: they count as one.
    if (startedAtMs < this.#failedAtMs) return;
    this.#failures += 1;
    this.#failedAtMs = nowMs;
    this.#untilMs = nowMs + backoffMs(this.#failures);
  }

  succeeded(): void {
    this.#failures = 0;
    this.#untilMs = Number.NEGATIVE_INFINITY;
  }

  /** Why a version is not to go live: others would end as soon as this one has, and there would never be enough. */
  refusal(): TsfnError | null {
    return this.#last === null ? null : new TsfnError("LOAD_FAILED", this.#last.message, this.#last.fields);
  }

  /** How long no instance should be started. */
  remainingMs(nowMs: number): number {
    return Math.max(0, this.#untilMs - nowMs);
  }

  /** Why callers should not wait for the next try; null when it is worth waiting. */
  hopelessCause(nowMs: number): TsfnError | null {
    if (this.#last === null || this.remainingMs(nowMs) === 0) return null;
    return isHopeless(this.#failures, this.#last.code) ? this.#last : null;
  }
}

/** Of an instance that was ready, and ended before anything was asked of it. */
export function endedUnasked({ function: name, number }: FunctionVersion): TsfnError {
  const message = `The process of ${name}@${number} was loaded and then ended by itself`;
  return new TsfnError("FUNCTION_CRASHED", message, { function: name, version: number });
}
