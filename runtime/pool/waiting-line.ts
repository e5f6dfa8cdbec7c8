// Invocations that wait for an instance, first come first served, bounded by count and by the bytes they hold. An entry
// leaves when it is taken, when its caller goes away, or at its deadline; each exactly once and in O(1).

import { ChurnSet } from "../churn.ts";
import { type ErrorFields, TsfnError } from "../errors.ts";
import type { Answer, Invocation } from "../invocation.ts";
import { now } from "../trace.ts";

export interface LineLimits {
  readonly maxWaiting: number;
  readonly maxWaitingBytes: number;
}

/** What there is too little of, and what to do about it. */
export interface Shortage {
  readonly bound: string;
  readonly hint: string;
}

/** Names whom the line is for, in errors. */
export interface LineOwner {
  readonly function: string;
  readonly version: number;
  /** How long an invocation waits at most. */
  readonly timeoutMs: number;
  /** Why nobody was served, asked when somebody has waited too long. */
  shortage(): Shortage;
  /** Told of every invocation that leaves without an instance, before its caller is. */
  refused(invocation: Invocation, reason: unknown): void;
}

export interface Waiting {
  readonly invocation: Invocation;
  readonly enqueuedAtMs: number;
  /** Milliseconds on the clock of trace.ts. */
  readonly deadlineMs: number;
  readonly resolve: (answer: Answer | Promise<Answer>) => void;
  readonly reject: (reason: unknown) => void;
}

interface Entry extends Waiting {
  readonly timer: NodeJS.Timeout;
  readonly onAbort: () => void;
}

export class WaitingLine {
  readonly #owner: LineOwner;
  readonly #limits: LineLimits;
  #entries = new ChurnSet<Entry>();
  #heldBytes = 0;

  constructor(owner: LineOwner, limits: LineLimits) {
    this.#owner = owner;
    this.#limits = limits;
  }

  get length(): number {
    return this.#entries.size;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Resolves with what the taker of the entry resolves; rejects with CONCURRENCY_LIMIT when the line is full. */
  wait(invocation: Invocation): Promise<Answer> {
    const refusal = invocation.signal.aborted ? invocation.signal.reason : this.#whyFull(invocation);
    if (refusal !== undefined) {
      this.#owner.refused(invocation, refusal);
      return Promise.reject(refusal);
    }
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const enqueuedAtMs = now();
    this.join({ invocation, enqueuedAtMs, deadlineMs: enqueuedAtMs + this.#owner.timeoutMs, resolve, reject });
    return promise;
  }

  /** Adds an entry that was accepted already, maybe by another line: it keeps its deadline and is never refused. */
  join(waiting: Waiting): void {
    const remainingMs = Math.max(0, waiting.deadlineMs - now());
    const entry: Entry = {
      ...waiting,
      timer: setTimeout(() => this.#fail(entry, this.#tooLate(entry)), remainingMs),
      onAbort: () => this.#fail(entry, entry.invocation.signal.reason),
    };
    entry.invocation.signal.addEventListener("abort", entry.onAbort, { once: true });
    this.#entries.add(entry);
    this.#heldBytes += entry.invocation.heldBytes;
  }

  /** Adds those that had left the line and come back to its front: they keep their order, and no bound refuses them. */
  rejoin(returned: readonly Pick<Waiting, "invocation" | "resolve" | "reject">[]): void {
    const rest = this.#entries;
    this.#entries = new ChurnSet();
    for (const { invocation, resolve, reject } of returned) {
      const enqueuedAtMs = invocation.acceptedAtMs;
      this.join({ invocation, enqueuedAtMs, deadlineMs: now() + this.#owner.timeoutMs, resolve, reject });
    }
    for (const entry of rest.values()) this.#entries.add(entry);
  }

  /** The longest waiting one. */
  get first(): Waiting | undefined {
    return this.#entries.first;
  }

  /** The longest waiting one; it is the taker's to settle from now on. */
  take(): Waiting | undefined {
    const { first } = this.#entries;
    if (first !== undefined) this.#leave(first);
    return first;
  }

  rejectAll(reason: TsfnError): void {
    for (const entry of this.#entries.values()) this.#fail(entry, reason);
  }

  #fail(entry: Entry, reason: unknown): void {
    this.#leave(entry);
    this.#owner.refused(entry.invocation, reason);
    entry.reject(reason);
  }

  #leave(entry: Entry): void {
    this.#entries.delete(entry);
    this.#heldBytes -= entry.invocation.heldBytes;
    clearTimeout(entry.timer);
    entry.invocation.signal.removeEventListener("abort", entry.onAbort);
  }

  #whyFull(invocation: Invocation): TsfnError | undefined {
    const { maxWaiting, maxWaitingBytes } = this.#limits;
    const what = `${this.#owner.function}@${this.#owner.version} has`;
    if (this.#entries.size >= maxWaiting) {
      return this.#error("CONCURRENCY_LIMIT", `${what} ${this.#entries.size} invocations waiting, the limit`);
    }
    const bytes = this.#heldBytes + invocation.heldBytes;
    if (bytes > maxWaitingBytes) {
      const message = `${what} ${this.#heldBytes} bytes waiting; with this request ${bytes} of ${maxWaitingBytes} allowed`;
      return this.#error("CONCURRENCY_LIMIT", message);
    }
    return undefined;
  }

  #tooLate(entry: Entry): TsfnError {
    const waitedMs = Math.round(entry.deadlineMs - entry.enqueuedAtMs);
    const { bound, hint } = this.#owner.shortage();
    const who = `${this.#owner.function}@${this.#owner.version}`;
    return this.#error("NO_CAPACITY", `${who} had no free instance within ${waitedMs} ms: ${bound}`, hint);
  }

  #error(code: "CONCURRENCY_LIMIT" | "NO_CAPACITY", message: string, hint?: string): TsfnError {
    const owner = { function: this.#owner.function, version: this.#owner.version };
    const fields: ErrorFields = { ...owner, retryAfterS: 1, ...(hint !== undefined && { hint }) };
    return new TsfnError(code, message, fields);
  }
}
