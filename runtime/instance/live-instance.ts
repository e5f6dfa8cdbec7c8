// An instance from the start of its process to the destruction of its sandbox: its states, and what its callers are told
// when it ends. The frames are guest-peer.ts, who is in flight flights.ts; how it comes to be is start-instance.ts.

import type { FunctionVersion } from "../catalog/index.ts";
import { asTsfnError, type ErrorCode, TsfnError } from "../errors.ts";
import type { Answer, Invocation } from "../invocation.ts";
import type { ExitReport, Sandbox, SandboxProcess } from "../sandbox/index.ts";
import type { Failure, Init, ProtocolError, Ready } from "../wire/index.ts";
import type { Exchange } from "./exchange.ts";
import { endOf, exitError, exitWhileLoading } from "./exit-reason.ts";
import { callError, loadError } from "./failure-errors.ts";
import { Flights } from "./flights.ts";
import { GuestPeer } from "./guest-peer.ts";
import type { Arrival, Instance, InstanceObserver, InstanceState, InvocationReport } from "./instance.ts";
import { InstanceLog } from "./instance-log.ts";
import { LayerCleaner } from "./layer-cleaner.ts";
import { exitGraceMs, ProcessEnd, retireGraceMs } from "./process-end.ts";
import { ProcessOutput } from "./process-output.ts";
import { Readiness } from "./readiness.ts";

export interface LiveParts {
  readonly version: FunctionVersion;
  readonly id: string;
  readonly sandbox: Sandbox;
  readonly process: SandboxProcess;
  readonly observer: InstanceObserver;
  /** It has begun to answer; what is returned is over before it is asked to end. */
  readonly answered: () => Promise<void> | null;
  /** `now()` when its making began. */
  readonly startedAtMs: number;
  /** Destroys the sandbox, once the process is gone. */
  readonly destroy: () => Promise<void>;
}

export class LiveInstance implements Instance {
  readonly id: string;
  readonly version: FunctionVersion;
  readonly sandbox: Sandbox;
  readonly startedAtMs: number;
  readonly layer: LayerCleaner;
  readonly #observer: InstanceObserver;
  readonly #log: InstanceLog;
  readonly #peer: GuestPeer;
  readonly #output: ProcessOutput;
  readonly #processEnd: ProcessEnd;
  readonly #flights: Flights;
  readonly #readiness: Readiness;
  readonly #gone: Promise<void>;
  #state: InstanceState = "starting";
  /** It was ready once: only then does the observer hear of its end. */
  #known = false;
  /** Why tsfnd ended it; null when it was not tsfnd. First writer wins. */
  #endedBy: TsfnError | null = null;
  /** It closed its stream without being asked, and had not exited for a while. */
  #isSilent = false;

  constructor(parts: LiveParts) {
    this.id = parts.id;
    this.version = parts.version;
    this.sandbox = parts.sandbox;
    this.startedAtMs = parts.startedAtMs;
    this.#readiness = new Readiness(parts.version);
    this.#observer = parts.observer;
    this.#log = new InstanceLog(parts.version, parts.id, (line) => parts.observer.log(line));
    this.#peer = new GuestPeer(parts.process.wire, {
      ready: (ready) => this.#readiness.came(ready),
      loadFailed: (failure) => this.#onLoadFailed(failure),
      printed: (exchange, { stream, level, text }) => this.#log.write(stream, level, text, exchange?.requestId),
      failed: (exchange, failure) => this.#onFailed(exchange, failure),
      answered: parts.answered,
      settled: (exchange) => this.#onSettled(exchange),
      dirty: () => this.layer.written(),
      resetDone: () => this.layer.entered(),
      revoked: () => this.#flights.revoked(),
      violated: (error, exchange) => this.#onViolated(error, exchange),
      closed: () => this.#onWireClosed(),
    });
    const { sandbox, process } = parts;
    const { concurrency, reuse, limits, runtime } = parts.version.manifest;
    this.#flights = new Flights({
      ...{ peer: this.#peer, concurrency, version: parts.version.number, timeoutMs: limits.timeoutMs },
      ...{ activity: process.activity, tickets: process.tickets, sendsAhead: concurrency === 1 && reuse === "process" },
      lateError: () => this.#error("FUNCTION_TIMEOUT", `${this.#what} took longer than its ${limits.timeoutMs} ms`),
      overdue: (exchange) => this.#onOverdue(exchange),
      returned: (returned) => this.#observer.returned(this, returned),
      over: (report) => this.#observer.settled(this, report),
    });
    this.#output = new ProcessOutput(process, this.#log, () => this.#flights.onlyRequestId, runtime === "provided");
    this.#processEnd = new ProcessEnd(process, this.#output);
    this.layer = new LayerCleaner({ sandbox, exited: process.exited, tellGuest: () => this.#peer.reset() });
    this.#gone = this.#watch(parts.destroy);
  }

  get state(): InstanceState {
    return this.#state;
  }

  get isComplete(): boolean {
    return !this.#flights.areHeld;
  }

  get inFlight(): number {
    return this.#flights.size;
  }

  get workedMs(): number {
    return this.#flights.workedMs;
  }

  get takesAhead(): boolean {
    return this.#state === "ready" && this.layer.isClean && !this.#output.hasPrinted && this.#flights.takesAhead;
  }

  get served(): number {
    return this.#flights.landed;
  }

  /** Once, first; `init` is null for a clone that has the function. @throws LOAD_FAILED, STARTUP_FAILED, FUNCTION_OOM */
  async load(init: Init | null, timeoutMs: number): Promise<Ready> {
    this.#peer.begin(init ?? this.id);
    this.#peer.listen();
    const ready = await this.#readiness.within(timeoutMs);
    // It may have been ended for what it sent right after its word, which is of no use then.
    if (this.#state !== "starting") throw this.#error("STARTUP_FAILED", `${this.#what} ended as soon as it was ready`);
    this.#state = "ready";
    this.#known = true;
    return ready;
  }

  /** As `load`, of a clone whose function is loaded and has proven to work: ready at once, though not yet complete. */
  trust(): void {
    this.#flights.hold();
    this.#peer.begin(this.id);
    this.#peer.trust();
    this.#state = "ready";
    this.#known = true;
  }

  /** It began with what it was sent. */
  complete(atMs: number): void {
    this.#flights.begin(atMs);
    this.#peer.listen();
  }

  /** It has ended before that. Passes on whether tsfnd did not ask it to. */
  neverComplete(): boolean {
    this.#takeNoMore();
    this.#flights.returnAll();
    this.#peer.listen();
    return this.#endedBy === null;
  }

  invoke(invocation: Invocation, arrival: Arrival): Promise<Answer> {
    const { running } = this.layer;
    if (running === null) return this.#invoke(invocation, arrival);
    // Others have room while the last one of before is cleaned up after; their instance may retire or end meanwhile.
    const isTooLate = () => this.#endedBy === null && this.#state !== "ready";
    return running.then(() => (isTooLate() ? this.#flights.giveBack(invocation) : this.#invoke(invocation, arrival)));
  }

  retire(): Promise<void> {
    if (this.#state === "ready") {
      this.#takeNoMore();
      this.#flights.endUpgraded(this.#error("SHUTTING_DOWN", `${this.#what} is being retired`));
      if (this.inFlight === 0 && this.layer.running === null) this.#letGo();
    }
    return this.#gone;
  }

  kill(): Promise<void> {
    this.#end(this.#error("FUNCTION_CRASHED", `The server ended the process of ${this.#what}`));
    return this.#gone;
  }

  get #what(): string {
    return `${this.version.function}@${this.version.number}`;
  }

  #error(code: ErrorCode, message: string): TsfnError {
    return new TsfnError(code, message, { function: this.version.function, version: this.version.number });
  }

  #invoke(invocation: Invocation, arrival: Arrival): Promise<Answer> {
    if (this.#endedBy === null && this.#state !== "ready") {
      return Promise.reject(this.#error("INTERNAL", `${this.id} is ${this.#state}; wanted ready`));
    }
    const error = this.#endedBy ?? (invocation.signal.aborted ? asTsfnError(invocation.signal.reason) : null);
    return error === null ? this.#flights.open(invocation, arrival) : this.#flights.refuse(invocation, arrival, error);
  }

  #onLoadFailed(failure: Failure): void {
    const error = loadError(this.version, failure, this.#log.lastError);
    this.#log.write("stderr", "error", failure.stack, undefined);
    if (this.#known) this.#end(this.#error("FUNCTION_CRASHED", `A clone of ${this.#what} failed: ${failure.message}`));
    this.#readiness.willNotCome(error);
  }

  #onFailed(exchange: Exchange, failure: Failure): void {
    // A cancelled function that throws what its signal told it is no news.
    const isNews = !exchange.cancelled || (failure.name !== "AbortError" && failure.name !== "TimeoutError");
    exchange.fail(callError(this.version, failure));
    if (isNews) this.#log.write("stderr", "error", failure.stack, exchange?.requestId);
  }

  #onSettled(exchange: Exchange): void {
    this.#output.catchUp(exchange.tookMs);
    const report = this.#flights.land(exchange);
    // A guest with a dirty layer begins none of those it was sent ahead.
    if (this.layer.isDirty) this.#flights.takeBack();
    const isIdle = this.#state === "ready" && this.inFlight === 0;
    if (isIdle && (this.layer.isWornOut || this.version.manifest.reuse === "never")) this.#takeNoMore();
    if (isIdle && this.#state === "ready" && this.layer.isDirty) void this.#cleanUpAfter(report);
    else this.#conclude(report);
  }

  /** The instance has no room until nobody can see what this invocation wrote. */
  async #cleanUpAfter(report: InvocationReport | null): Promise<void> {
    try {
      await this.layer.clean(this.id);
    } catch (error) {
      this.#complain("got no fresh writable layer", error);
      this.#end(this.#error("FUNCTION_CRASHED", `The process of ${this.#what} could not be cleaned up after`));
    }
    this.#conclude(report);
  }

  /** Tells that an invocation is over and its instance has room, or goes. */
  #conclude(report: InvocationReport | null): void {
    const isDone = this.#state === "retiring" && this.inFlight === 0 && this.#endedBy === null;
    if (report !== null) this.#observer.settled(this, report);
    if (isDone) this.#letGo();
  }

  #onViolated(error: ProtocolError, exchange: Exchange | null): void {
    const message = `broke the protocol: ${error.message}`;
    this.#log.write("platform", "error", `the function's process ${message}`, exchange?.requestId);
    exchange?.fail(this.#error("FUNCTION_BAD_RESPONSE", `The answer of ${this.#what} is invalid: ${error.message}`));
    this.#end(this.#error("FUNCTION_CRASHED", `The process of ${this.#what} ${message}`));
  }

  #onWireClosed(): void {
    this.#processEnd.wireClosed();
    this.#flights.takeBack();
    const message = `The process of ${this.#what} closed its stream and was ended`;
    this.#processEnd.unless(exitGraceMs, () => {
      this.#isSilent = this.#state === "ready";
      this.#end(this.#error("FUNCTION_CRASHED", message));
    });
  }

  #onOverdue(exchange: Exchange): void {
    this.#log.write("platform", "warn", "still running after its deadline; it is ended", exchange.requestId);
    this.#end(this.#error("FUNCTION_CRASHED", `Another invocation in the same process of ${this.#what} overran`));
  }

  #takeNoMore(): void {
    const isNews = this.#known && this.#state === "ready";
    this.#state = "retiring";
    if (isNews) this.#observer.unusable(this);
  }

  #letGo(): void {
    void this.#peer.retire();
    this.#processEnd.unless(retireGraceMs, () => void this.kill());
  }

  /** Kills the process; who is in flight hears `reason` once it is gone. */
  #end(reason: TsfnError): void {
    if (this.#endedBy !== null || this.#state === "dead") return;
    this.#endedBy = reason;
    this.#takeNoMore();
    this.#flights.takeBack();
    this.sandbox.kill().catch((error: unknown) => this.#complain("could not be killed", error));
  }

  /** Waits for the process's end, tells everybody, destroys the sandbox. */
  async #watch(destroy: () => Promise<void>): Promise<void> {
    const exit = await this.#processEnd.came();
    this.#peer.close();
    this.#onExit(exit);
    this.#flights.close();
    await destroy().catch((error: unknown) => this.#complain("could not be destroyed", error));
    if (this.#known) this.#observer.gone(this, exit);
  }

  #onExit(exit: ExitReport): void {
    const { lastWords } = this.#output;
    const before = { endedBy: this.#endedBy, isRetiring: this.#state === "retiring", isSilent: this.#isSilent };
    const { reason, isNews } = endOf(exit, exitError(this.version, exit, lastWords), before);
    if (isNews) this.#log.write("platform", "error", reason.message, this.#flights.onlyRequestId);
    this.#takeNoMore();
    this.#state = "dead";
    if (!this.#known) this.#readiness.willNotCome(exitWhileLoading(reason, exit, lastWords));
    for (const report of this.#flights.failAll(reason)) if (this.#known) this.#observer.settled(this, report);
  }

  #complain(what: string, error: unknown): void {
    this.#log.write("platform", "error", `the sandbox ${what}: ${asTsfnError(error).message}`, undefined);
  }
}
