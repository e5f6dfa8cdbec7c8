// An invocation between its hand-over and its settling: the deadline, the client's leaving, and the report at the end.

import { asTsfnError, type TsfnError } from "../errors.ts";
import { now } from "../trace.ts";
import type { Exchange } from "./exchange.ts";
import type { InvocationReport } from "./instance.ts";

/** How long a cancelled invocation may take to settle after its deadline. */
const cancelGraceMs = 200;

export interface FlightOptions {
  readonly exchange: Exchange;
  readonly cold: boolean;
  readonly timeoutMs: number;
  /** What the caller gets at the deadline. */
  readonly lateError: () => TsfnError;
  /** It did not settle although it was told to: the process has to go. */
  readonly onOverdue: () => void;
}

export class Flight {
  readonly exchange: Exchange;
  readonly handedOverAtMs = now();
  readonly #options: FlightOptions;
  #timer: NodeJS.Timeout;

  constructor(options: FlightOptions) {
    this.exchange = options.exchange;
    this.#options = options;
    this.#timer = setTimeout(() => this.#onDeadline(), options.timeoutMs);
    this.exchange.invocation.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** It is over. */
  land(): InvocationReport {
    clearTimeout(this.#timer);
    const { invocation, outcome } = this.exchange;
    invocation.signal.removeEventListener("abort", this.#onAbort);
    const durationMs = now() - this.handedOverAtMs;
    return { requestId: invocation.requestId, cold: this.#options.cold, durationMs, outcome: outcome ?? "ok" };
  }

  readonly #onAbort = (): void => {
    const reason = asTsfnError(this.exchange.invocation.signal.reason);
    this.exchange.cancel(reason, reason.code === "SHUTTING_DOWN" ? "shutdown" : "client");
  };

  #onDeadline(): void {
    // A function whose client left before has had its time to notice.
    const graceMs = this.exchange.cancelled ? 0 : cancelGraceMs;
    this.exchange.cancel(this.#options.lateError(), "deadline");
    this.#timer = setTimeout(this.#options.onOverdue, graceMs);
  }
}

/** Those in flight in one instance, and how many have landed. */
export class Flights {
  readonly #flights = new Map<Exchange, Flight>();
  #landed = 0;

  get size(): number {
    return this.#flights.size;
  }

  get landed(): number {
    return this.#landed;
  }

  get exchanges(): readonly Exchange[] {
    return [...this.#flights.keys()];
  }

  /** The only invocation that a line without a sender can be of. */
  get onlyRequestId(): string | undefined {
    const [only] = this.#flights.keys();
    return this.size === 1 ? only?.invocation.requestId : undefined;
  }

  add(flight: Flight): void {
    this.#flights.set(flight.exchange, flight);
  }

  /** null when it has landed before. */
  land(exchange: Exchange): InvocationReport | null {
    const flight = this.#flights.get(exchange);
    if (flight === undefined) return null;
    this.#flights.delete(exchange);
    this.#landed += 1;
    return flight.land();
  }
}
