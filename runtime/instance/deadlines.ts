// The deadlines of what one instance has in flight, with one timer for all: they are as long for each, so they pass in the
// order in which they began, and most timers would only be made to be cleared.

import { ChurnMap } from "../churn.ts";
import type { TsfnError } from "../errors.ts";
import { now } from "../trace.ts";
import type { Exchange } from "./exchange.ts";

/** How long a cancelled invocation may take to settle after its deadline. */
const cancelGraceMs = 200;

export interface DeadlinesParts {
  readonly timeoutMs: number;
  /** What the caller gets at the deadline. */
  readonly lateError: () => TsfnError;
  /** It did not settle although it was told to: the process has to go. */
  readonly overdue: (exchange: Exchange) => void;
}

interface Deadline {
  atMs: number;
  isPast: boolean;
}

export class Deadlines {
  readonly #parts: DeadlinesParts;
  readonly #deadlines = new ChurnMap<Exchange, Deadline>();
  #timer: NodeJS.Timeout | null = null;

  constructor(parts: DeadlinesParts) {
    this.#parts = parts;
  }

  add(exchange: Exchange, atMs: number): void {
    const { timeoutMs } = this.#parts;
    this.#deadlines.set(exchange, { atMs: atMs + timeoutMs, isPast: false });
    // It is left alone when the invocation ends: the next one is likely to come before it fires.
    this.#timer ??= this.#later(timeoutMs);
  }

  /** It began only then. Not when it has passed already. */
  postpone(exchange: Exchange, atMs: number): void {
    const deadline = this.#deadlines.get(exchange);
    if (deadline?.isPast === false) deadline.atMs = atMs + this.#parts.timeoutMs;
  }

  remove(exchange: Exchange): void {
    this.#deadlines.delete(exchange);
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #look(): void {
    const atMs = now();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [exchange, deadline] of this.#deadlines.entries()) {
      if (deadline.atMs <= atMs) this.#pass(exchange, deadline, atMs);
      nextMs = Math.min(nextMs, deadline.atMs);
    }
    this.#timer = Number.isFinite(nextMs) ? this.#later(nextMs - atMs) : null;
  }

  #pass(exchange: Exchange, deadline: Deadline, atMs: number): void {
    if (deadline.isPast) {
      deadline.atMs = Number.POSITIVE_INFINITY;
      this.#parts.overdue(exchange);
      return;
    }
    deadline.isPast = true;
    // A function whose client left before has had its time to notice.
    deadline.atMs = atMs + (exchange.cancelled ? 0 : cancelGraceMs);
    exchange.cancel(this.#parts.lateError(), "deadline");
  }

  #later(delayMs: number): NodeJS.Timeout {
    return setTimeout(() => this.#look(), Math.ceil(delayMs)).unref();
  }
}
