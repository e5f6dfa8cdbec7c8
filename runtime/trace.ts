// The only place that measures time: a monotonic clock and named spans. A span costs one property read when nobody
// listens, so the hot path may emit them freely.

import { channel, subscribe, unsubscribe } from "node:diagnostics_channel";

/** Each names one stage of an invocation or of an instance's start. */
export type SpanName = "queue" | "init" | "exec" | "reset" | "zygote" | "deploy.store" | "deploy.warm";

export interface Span {
  readonly name: SpanName;
  /** A request id, an instance id or a function's name: what the span belongs to. */
  readonly subject: string;
  /** Milliseconds on the clock of `now`. */
  readonly startedAtMs: number;
  readonly durationMs: number;
}

const spans = channel("tsfn:span");

/** Milliseconds on a clock that never steps; only differences mean something. */
export function now(): number {
  return performance.now();
}

/** Ends a span that began at `startedAtMs`; returns its duration in milliseconds. */
export function endSpan(name: SpanName, subject: string, startedAtMs: number): number {
  const durationMs = now() - startedAtMs;
  if (spans.hasSubscribers) spans.publish({ name, subject, startedAtMs, durationMs } satisfies Span);
  return durationMs;
}

/** Hears every span from now on; returns the way to stop. */
export function listenToSpans(listener: (span: Span) => void): () => void {
  const onMessage = (message: unknown) => listener(message as Span);
  subscribe("tsfn:span", onMessage);
  return () => {
    unsubscribe("tsfn:span", onMessage);
  };
}
