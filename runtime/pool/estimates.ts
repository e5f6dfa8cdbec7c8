// What a fleet has learned of its function: how long its invocations and its starts usually take. policy.ts decides by it.

import type { InvocationReport } from "../instance/index.ts";
import { smooth } from "./policy.ts";

export interface Estimates {
  /** Usual duration of an invocation; null before the first one. */
  readonly serviceMs: number | null;
  /** The same by the guests' own word, without the way there and back: how short invocations are, not how long callers wait. */
  readonly tookMs: number | null;
  readonly startMs: number;
}

export const firstEstimates: Estimates = { serviceMs: null, tookMs: null, startMs: 100 };

export function afterInvocation({ serviceMs, tookMs, startMs }: Estimates, report: InvocationReport): Estimates {
  return {
    serviceMs: smooth(serviceMs, report.durationMs),
    tookMs: report.tookMs > 0 ? shortest(tookMs, report.tookMs) : tookMs,
    startMs,
  };
}

/**
 * Follows shorter ones at once and longer ones slowly: on a busy machine most of a duration is time in which the guest did
 * not run. Where invocations really differ, those behind a long one are taken back (instance/ahead-line.ts).
 */
function shortest(usualMs: number | null, tookMs: number): number {
  return usualMs === null ? tookMs : usualMs + (tookMs - usualMs) * (tookMs < usualMs ? 0.2 : 0.02);
}

/** What an invocation takes beyond its own time it waits for a processor, and in another instance it would wait as well. */
export function forScaling({ serviceMs, tookMs, startMs }: Estimates) {
  return { serviceMs: tookMs ?? serviceMs, startMs };
}

export function afterStart(estimates: Estimates, tookMs: number): Estimates {
  return { ...estimates, startMs: smooth(estimates.startMs, tookMs) };
}
