// The pool of one version: hands invocations to warm instances, or lets them wait in line for one. fleet.ts keeps the
// instances; waiting-line.ts the line.

import { asTsfnError, TsfnError } from "../errors.ts";
import type { Returned } from "../instance/index.ts";
import type { Answer, Invocation } from "../invocation.ts";
import { endSpan, now } from "../trace.ts";
import type { Estimates } from "./estimates.ts";
import { Fleet, type FleetParts } from "./fleet.ts";
import type { LiveSlot, Slot } from "./slot.ts";
import { type LineLimits, type Shortage, WaitingLine } from "./waiting-line.ts";

export interface PoolParts extends FleetParts {
  readonly lineLimits: LineLimits;
}

export interface PoolCounts {
  /** Invocations in the waiting line. */
  readonly waiting: number;
  readonly starting: number;
  readonly idle: number;
  readonly busy: number;
  readonly retiring: number;
}

export class Pool {
  readonly #parts: PoolParts;
  readonly #line: WaitingLine;
  readonly #fleet: Fleet;
  /** Why new invocations are refused; null while the pool is open. */
  #closing: TsfnError | null = null;
  /** Why even those that were accepted are; null while they are served. */
  #killing: TsfnError | null = null;

  constructor(parts: PoolParts) {
    this.#parts = parts;
    const { manifest } = parts.version;
    const refused = (invocation: Invocation, reason: unknown) => this.#reportRefusal(invocation, reason);
    this.#line = new WaitingLine(
      { ...this.#subject(), timeoutMs: manifest.limits.timeoutMs, refused, shortage: () => this.#shortage() },
      parts.lineLimits,
    );
    this.#fleet = new Fleet(parts, {
      waiting: () => this.#line.length,
      freed: () => this.#dispatch(),
      returned: (returned) => this.#takeBack(returned),
      hopeless: (cause) => this.#line.rejectAll(this.#startupFailed(cause)),
    });
  }

  get version(): PoolParts["version"] {
    return this.#parts.version;
  }

  /** What the next pool of the function should know. */
  get estimates(): Estimates {
    return this.#fleet.estimates;
  }

  get slots(): ReadonlySet<Slot> {
    return this.#fleet.slots;
  }

  counts(): PoolCounts {
    const counts = { waiting: this.#line.length, starting: 0, idle: 0, busy: 0, retiring: 0 };
    for (const slot of this.#fleet.slots) {
      if (slot.phase === "starting") counts.starting += 1;
      else if (slot.phase === "leaving") counts.retiring += 1;
      else if (slot.inFlight > 0) counts.busy += 1;
      else counts.idle += 1;
    }
    return counts;
  }

  /** To a warm instance at once, or through the waiting line. */
  invoke(invocation: Invocation): Promise<Answer> {
    if (this.#closing !== null) return this.#refuse(invocation, this.#closing);
    if (invocation.signal.aborted) return this.#refuse(invocation, invocation.signal.reason);
    // Whoever waits came first.
    const slot = this.#fleet.best({ mayGoAhead: this.#line.length === 0 && invocation.body === null });
    if (slot !== undefined) return this.#handOver(slot, invocation, null);
    const cause = this.#fleet.hopelessCause();
    if (cause !== null) return this.#refuse(invocation, this.#startupFailed(cause));
    const answer = this.#line.wait(invocation);
    this.#fleet.reconsider();
    return answer;
  }

  /** Starts what `min` asks for, without waiting for it. */
  open(): void {
    this.#fleet.reconsider();
  }

  /** Proves that the version starts, and waits for `min` instances. @throws TsfnError of the start that failed */
  warm(): Promise<void> {
    return this.#fleet.warm();
  }

  /** Hands the waiting line to the pool of a newer version and retires; what is in flight finishes here. */
  replaceBy(next: Pool): Promise<void> {
    for (let waiting = this.#line.take(); waiting !== undefined; waiting = this.#line.take()) next.#line.join(waiting);
    next.#dispatch();
    next.#fleet.reconsider();
    const message = `${this.#name()} was replaced by version ${next.version.number}`;
    return this.drain(new TsfnError("SHUTTING_DOWN", message, { retryAfterS: 1 }));
  }

  /** Refuses new invocations, serves those waiting and in flight. Resolves when every instance is gone. */
  drain(refusal: TsfnError): Promise<void> {
    this.#closing ??= refusal;
    return this.#fleet.close();
  }

  /** Refuses new and waiting invocations; what is in flight finishes. Resolves when every instance is gone. */
  refuse(refusal: TsfnError): Promise<void> {
    this.#line.rejectAll(refusal);
    return this.drain(refusal);
  }

  /** Refuses those waiting and kills those in flight. Resolves when every instance is gone. */
  kill(refusal: TsfnError): Promise<void> {
    this.#closing ??= refusal;
    this.#killing ??= refusal;
    this.#line.rejectAll(refusal);
    return this.#fleet.kill();
  }

  #handOver(slot: LiveSlot, invocation: Invocation, enqueuedAtMs: number | null): Promise<Answer> {
    const atMs = now();
    const isCold = enqueuedAtMs !== null && !slot.used && enqueuedAtMs < slot.readyAtMs;
    const initMs = isCold ? atMs - Math.max(slot.startedAtMs, enqueuedAtMs) : 0;
    const waited = { cold: isCold, initMs, queueMs: Math.max(0, atMs - invocation.acceptedAtMs - initMs) };
    this.#fleet.handedOver(slot, atMs);
    this.#parts.events.handedOver({ ...this.#subject(), ...waited });
    return slot.instance.invoke(invocation, isCold ? { ...waited, startSteps: slot.startSteps } : waited);
  }

  /** They go on as if they had never left the line. */
  #takeBack(returned: readonly Returned[]): void {
    const refusal = this.#killing;
    if (refusal === null) {
      this.#line.rejoin(returned);
      const cause = this.#fleet.hopelessCause();
      if (cause !== null) this.#line.rejectAll(this.#startupFailed(cause));
      return;
    }
    for (const { invocation, reject } of returned) {
      this.#reportRefusal(invocation, refusal);
      reject(refusal);
    }
  }

  #dispatch(): void {
    for (let first = this.#line.first; first !== undefined; first = this.#line.first) {
      const slot = this.#fleet.best({ mayGoAhead: first.invocation.body === null });
      const waiting = slot === undefined ? undefined : this.#line.take();
      if (slot === undefined || waiting === undefined) return;
      const { invocation, enqueuedAtMs } = waiting;
      endSpan("queue", invocation.requestId, enqueuedAtMs);
      // Its caller may be leaving at this very moment, and the line has not heard of it yet.
      if (invocation.signal.aborted) waiting.resolve(this.#refuse(invocation, invocation.signal.reason));
      else waiting.resolve(this.#handOver(slot, invocation, enqueuedAtMs));
    }
  }

  #refuse(invocation: Invocation, reason: unknown): Promise<Answer> {
    this.#reportRefusal(invocation, reason);
    return Promise.reject(reason);
  }

  #reportRefusal(invocation: Invocation, reason: unknown): void {
    const outcome = asTsfnError(reason).code;
    const durationMs = now() - invocation.acceptedAtMs;
    this.#parts.events.invocationEnded({ ...this.#subject(), outcome, cold: false, durationMs });
  }

  #startupFailed(cause: TsfnError): TsfnError {
    const retryAfterS = Math.max(1, Math.ceil(this.#fleet.backoffMs() / 1_000));
    // The cause may quote the function's own error; that is for its logs, where launch.ts wrote it.
    const message = `${this.#name()} did not start (${cause.code})`;
    return new TsfnError("STARTUP_FAILED", message, { ...this.#subject(), retryAfterS, cause });
  }

  #shortage(): Shortage {
    const { max } = this.version.manifest.scaling;
    if (this.slots.size >= max) {
      return {
        bound: `all ${max} instances it may have are busy or starting (scaling.max)`,
        hint: "Retry later, or raise scaling.max in tsfn.json",
      };
    }
    const { budget } = this.#parts;
    return budget.isFull ? budget.capacity : { bound: "none could be started in time", hint: "Retry later" };
  }

  #name(): string {
    return `${this.version.function}@${this.version.number}`;
  }

  #subject(): { readonly function: string; readonly version: number } {
    return { function: this.version.function, version: this.version.number };
  }
}
