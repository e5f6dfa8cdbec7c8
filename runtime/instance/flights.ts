// The invocations that one instance has, from hand-over to settling, in the order in which they were sent: their numbers, their
// deadlines, and who of them runs. What waits in the guest for its turn is ahead-line.ts.

import { ChurnSet } from "../churn.ts";
import type { TsfnError } from "../errors.ts";
import type { Answer, Invocation } from "../invocation.ts";
import type { SandboxProcess, Tickets } from "../sandbox/index.ts";
import { now } from "../trace.ts";
import { AheadLine } from "./ahead-line.ts";
import { Deadlines, type DeadlinesParts } from "./deadlines.ts";
import type { Exchange } from "./exchange.ts";
import type { GuestPeer } from "./guest-peer.ts";
import type { Arrival, InvocationReport, Returned } from "./instance.ts";
import { WorkMeter } from "./work-meter.ts";

export interface FlightsParts extends DeadlinesParts {
  readonly peer: GuestPeer;
  readonly concurrency: number;
  readonly version: number;
  readonly activity: SandboxProcess["activity"];
  /** Closed with `close`. */
  readonly tickets: Tickets | null;
  readonly sendsAhead: boolean;
  /** Those that never began and have a caller who waits. */
  readonly returned: (returned: readonly Returned[]) => void;
  /** One that is over without having begun: its caller had left. */
  readonly over: (report: InvocationReport) => void;
}

export class Flights {
  readonly #parts: FlightsParts;
  readonly #exchanges = new ChurnSet<Exchange>();
  readonly #deadlines: Deadlines;
  readonly #ahead: AheadLine<Exchange> | null;
  readonly #meter: WorkMeter;
  #landed = 0;
  #areHeld = false;
  /** When it last began to work or finished something. */
  #progressAtMs = 0;

  constructor(parts: FlightsParts) {
    this.#parts = parts;
    this.#meter = new WorkMeter(parts.activity);
    this.#deadlines = new Deadlines(parts);
    const { tickets, sendsAhead, peer } = parts;
    this.#ahead =
      tickets === null || !sendsAhead
        ? null
        : new AheadLine({
            tickets,
            revoke: () => peer.revoke(),
            workedMs: () => this.workedMs,
            watch: () => this.#meter.watch(this.#progressAtMs),
            returned: (exchanges) => this.#return(exchanges),
          });
    peer.beforeFlush(() => this.#ahead?.giveTickets());
  }

  get size(): number {
    return this.#exchanges.size;
  }

  get landed(): number {
    return this.#landed;
  }

  /** How long it has been at work without finishing anything; 0 when it has nothing to do, or cannot yet. */
  get workedMs(): number {
    return this.size === 0 || this.#areHeld ? 0 : this.#meter.workedMs(this.#progressAtMs);
  }

  /** Whether one more may be sent while one runs. */
  get takesAhead(): boolean {
    return !this.#areHeld && (this.#ahead?.hasRoom ?? false);
  }

  /** The only invocation that a line without a sender can be of. */
  get onlyRequestId(): string | undefined {
    const isOnly = this.size === 1 || this.#parts.concurrency === 1;
    return isOnly ? this.#exchanges.first?.invocation.requestId : undefined;
  }

  open(invocation: Invocation, arrival: Arrival): Promise<Answer> {
    const { peer, version, timeoutMs } = this.#parts;
    const handedOverAtMs = now();
    const isAhead = this.#ahead !== null && this.#exchanges.size > 0;
    if (this.#exchanges.size === 0) this.#progressAtMs = handedOverAtMs;
    const isHeld = this.#areHeld;
    const options = { invocation, arrival, isAhead, isHeld, handedOverAtMs, remainingMs: timeoutMs, version };
    const exchange = peer.open(options);
    this.#exchanges.add(exchange);
    this.#deadlines.add(exchange, handedOverAtMs);
    if (isAhead) this.#ahead?.add(exchange);
    // A function, not an object: for an object Node makes a closure that scavenges keep (decision 0016).
    invocation.signal.addEventListener("abort", () => exchange.callerLeft(), once);
    return exchange.answered;
  }

  /** It was handed over, so its end has to be told, though it never began. */
  refuse({ requestId }: Invocation, { cold }: Arrival, error: TsfnError): Promise<never> {
    // Not now: who hands over the next one because of this report would come back here.
    queueMicrotask(() => this.#parts.over({ requestId, cold, durationMs: 0, tookMs: 0, outcome: error.code }));
    return Promise.reject(error);
  }

  /** It was handed over, but not to the guest: it is somebody else's from now on. */
  giveBack(invocation: Invocation): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#parts.returned([{ invocation, resolve, reject }]);
    return promise;
  }

  /** Whether its process is not there yet that reads them. */
  get areHeld(): boolean {
    return this.#areHeld;
  }

  /** Until `begin`. */
  hold(): void {
    this.#areHeld = true;
  }

  /** Its process was there then. */
  begin(atMs: number): void {
    this.#areHeld = false;
    this.#progressAtMs = Math.max(this.#progressAtMs, atMs);
    for (const exchange of this.#exchanges.values()) {
      exchange.begin(Math.max(exchange.beganAtMs, atMs));
      this.#deadlines.postpone(exchange, exchange.beganAtMs);
    }
  }

  /** Its process never began with any: all are somebody else's from now on. */
  returnAll(): void {
    this.#return(this.#exchanges.values());
  }

  /** null when it has landed before. */
  land(exchange: Exchange): InvocationReport | null {
    if (!this.#exchanges.delete(exchange)) return null;
    const atMs = now();
    this.#landed += 1;
    this.#progressAtMs = atMs;
    this.#deadlines.remove(exchange);
    if (exchange.isAhead) this.#ahead?.remove(exchange);
    const next = this.#exchanges.first;
    if (next?.isAhead) next.begin(atMs);
    const { invocation, cold, beganAtMs, tookMs, outcome } = exchange;
    const { requestId } = invocation;
    return { requestId, cold, durationMs: atMs - beganAtMs, tookMs, outcome: outcome ?? "ok" };
  }

  /** The process is gone: those that began fail with `reason`. */
  failAll(reason: TsfnError): InvocationReport[] {
    this.takeBack();
    return this.#exchanges.values().flatMap((exchange) => {
      exchange.fail(reason);
      return this.land(exchange) ?? [];
    });
  }

  /** Those sent ahead that have not begun are somebody else's from now on. */
  takeBack(): void {
    this.#ahead?.takeBack();
  }

  /** A WebSocket could keep a version alive that answers nobody else any more. */
  endUpgraded(error: TsfnError): void {
    for (const exchange of this.#exchanges.values()) if (exchange.isUpgraded) exchange.cancel(error, "shutdown");
  }

  /** The guest has forgotten those taken back. False when it was not asked to. */
  revoked(): boolean {
    return this.#ahead?.revoked() ?? false;
  }

  close(): void {
    this.#deadlines.close();
    this.#ahead?.close();
    this.#parts.tickets?.close();
  }

  #return(exchanges: readonly Exchange[]): void {
    const returned: Returned[] = [];
    for (const exchange of exchanges) {
      this.#parts.peer.forget(exchange);
      if (exchange.outcome === null) {
        this.#exchanges.delete(exchange);
        this.#deadlines.remove(exchange);
        returned.push({ invocation: exchange.invocation, ...exchange.caller });
      } else {
        const report = this.land(exchange);
        if (report !== null) this.#parts.over(report);
      }
    }
    if (returned.length > 0) this.#parts.returned(returned);
  }
}

const once = { once: true };
