// One Invocation travels from the gateway to the guest and one Answer comes back. No HTTP server types here: the
// gateway makes the first from a request and writes the second as a response.

import type { Readable } from "node:stream";

/** Header names and values alternating, as in `IncomingMessage.rawHeaders`; names are lower case. */
export type FlatHeaders = readonly string[];

export interface Invocation {
  /** The request id: matches `^[A-Za-z0-9._-]{1,128}$`. */
  readonly requestId: string;
  readonly functionName: string;
  /** A published version's number; the live version when absent. */
  readonly version?: number;
  readonly method: string;
  /**
   * Absolute URL with the path after the function's name, so that routers work unchanged: a request for
   * `http://localhost:8080/function/hello/a?b=c` is `http://localhost:8080/a?b=c` here, and what was cut off is in
   * the header `x-forwarded-prefix`.
   */
  readonly url: string;
  readonly headers: FlatHeaders;
  /** null: there is no body. An error of the stream (413, client gone) ends the invocation with that error. */
  readonly body: Readable | null;
  /** Bytes the request holds in memory while it waits: headers and what was already buffered. */
  readonly heldBytes: number;
  /** Aborts when the client leaves or the server stops waiting; `reason` is a TsfnError. The only way to cancel. */
  readonly signal: AbortSignal;
  /** `performance.now()` when the gateway accepted it, milliseconds. */
  readonly acceptedAtMs: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: FlatHeaders;
  /** null: no body. A Buffer is all of it. A stream is destroyed with a TsfnError when the instance fails meanwhile. */
  readonly body: Readable | Buffer | null;
  readonly version: number;
  /** True when this invocation waited for an instance that was started for it. */
  readonly cold: boolean;
  readonly timing: AnswerTiming;
}

/** Milliseconds until the head of the answer; they add up to the time since `acceptedAtMs`. */
export interface AnswerTiming {
  readonly queueMs: number;
  readonly initMs: number;
  readonly execMs: number;
  /** Of a cold answer: the steps of its instance's start by name, in order. They are parts of `initMs`. */
  readonly startSteps?: readonly StartStep[];
}

export interface StartStep {
  readonly name: string;
  readonly durationMs: number;
}
