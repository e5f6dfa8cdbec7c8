// The instances of one version: which has room, when to start more, when to let go. policy.ts says how many, budget.ts
// when the machine allows it, launch.ts how; the waiting line and its callers are pool.ts's.

import { asTsfnError, type TsfnError } from "../errors.ts";
import type { InvocationReport, Returned } from "../instance/index.ts";
import { now } from "../trace.ts";
import type { Budget, BudgetMember } from "./budget.ts";
import { CrashLoop, endedUnasked } from "./crash-loop.ts";
import type { Demand } from "./demand.ts";
import { afterInvocation, afterStart, type Estimates, forScaling } from "./estimates.ts";
import { countUsable, StartsOutlook, viewOf } from "./fleet-view.ts";
import { type LaunchParts, launch, type SlotOwner, slotFor } from "./launch.ts";
import { maxBackoffMs, mayWantStarts, retireCount, spareInstances, startsWanted } from "./policy.ts";
import { FreeSlots, hasRoomAhead, isLive, type LiveSlot, type Slot } from "./slot.ts";
import { Timers } from "./timers.ts";

export interface FleetParts extends LaunchParts {
  readonly budget: Budget;
  /** What an earlier fleet of the function learned. */
  readonly estimates: Estimates;
}

export class Fleet {
  readonly #parts: FleetParts;
  readonly #demand: Demand;
  readonly #slots = new Set<Slot>();
  readonly #free = new FreeSlots();
  readonly #crashLoop = new CrashLoop();
  readonly #launches = new Set<Promise<TsfnError | null>>();
  readonly #outlook = new StartsOutlook();
  readonly #timers = new Timers<"expire" | "reconsider">();
  readonly #emptied = Promise.withResolvers<void>();
  readonly #isSingleUse: boolean;
  readonly #member: BudgetMember = {
    usesNetwork: () => this.#parts.version.manifest.network !== "none",
    startsWanted: () => this.#startsWanted(),
    start: () => void this.#launch(),
    spareSinceMs: () => this.#spare()?.progressAtMs ?? null,
    retireSpare: () => this.#retire(this.#spare()),
  };
  readonly #owner: SlotOwner = {
    settled: (slot, report) => this.#settled(slot, report),
    returned: (slot, returned) => this.#returned(slot, returned),
    unusable: (slot) => this.#unusable(slot),
    gone: (slot) => this.#gone(slot),
    mistrusted: (slot) => this.#retire(slot),
  };
  #estimates: Estimates;
  /** Where the last invocation went, or an instance that has finished one since and has more to do. */
  #latest: LiveSlot | undefined;
  #freedAtMs = Number.NEGATIVE_INFINITY;
  #usedAtMs = Number.NEGATIVE_INFINITY;
  #phase: "open" | "closing" | "closed" = "open";

  constructor(parts: FleetParts, demand: Demand) {
    this.#parts = parts;
    this.#demand = demand;
    this.#estimates = parts.estimates;
    this.#isSingleUse = parts.version.manifest.reuse === "never";
    parts.budget.join(this.#member);
  }

  get estimates(): Estimates {
    return this.#estimates;
  }

  get slots(): ReadonlySet<Slot> {
    return this.#slots;
  }

  /**
   * The instance for the next invocation, which must then be announced by `handedOver`. It may be one that is busy with another,
   * if that is short: to send along to a process that works costs a fraction of waking one that sleeps.
   */
  best({ mayGoAhead }: { readonly mayGoAhead: boolean }): LiveSlot | undefined {
    const latest = mayGoAhead ? this.#latest : undefined;
    return latest !== undefined && hasRoomAhead(latest, this.#estimates.tookMs) ? latest : this.#free.best();
  }

  handedOver(slot: LiveSlot, atMs: number): void {
    if (slot.inFlight === 0) slot.progressAtMs = atMs;
    slot.used = true;
    slot.inFlight += 1;
    const { concurrency } = this.#parts.version.manifest;
    if (slot.inFlight >= (this.#isSingleUse ? 1 : concurrency)) this.#free.remove(slot);
    this.#usedAtMs = atMs;
    this.#latest = slot;
    // Its successor, once this invocation is on its way.
    if (this.#isSingleUse) setImmediate(() => this.reconsider());
  }

  /** Why nobody should wait for an instance now; null when waiting is worth it. */
  hopelessCause(): TsfnError | null {
    return countUsable(this.#slots, this.#isSingleUse) === 0 ? this.#crashLoop.hopelessCause(now()) : null;
  }

  backoffMs(): number {
    return this.#crashLoop.remainingMs(now());
  }

  /** After anything that may ask for more or fewer instances. */
  reconsider(): void {
    if (this.#phase === "closing") this.#retireUnneeded();
    if (this.#phase === "closed") return;
    this.#parts.budget.request(this.#member);
    const backoffMs = this.backoffMs();
    if (this.#demand.waiting() === 0 && backoffMs === 0) return;
    // A line that nobody serves gets no event of its own: look again once a start could have helped.
    this.#timers.later("reconsider", Math.max(backoffMs, this.#estimates.startMs, 20), () => this.reconsider());
  }

  /** Starts one whatever the budget, as proof that the version works, then `min` while there is room. @throws its error */
  async warm(): Promise<void> {
    const { min } = this.#parts.version.manifest.scaling;
    for (let isFirst = true; isFirst || this.#free.idle().length < min; isFirst = false) {
      if (this.#launches.size === 0) {
        if (!isFirst && this.#parts.budget.isFull) return;
        this.#parts.budget.force(this.#member);
        void this.#launch();
      }
      const failure = (await Promise.race(this.#launches)) ?? this.#crashLoop.refusal();
      if (failure !== null) throw failure;
    }
  }

  /** Serves what still waits, then retires every instance. Resolves when they are gone. */
  close(): Promise<void> {
    if (this.#phase === "open") this.#phase = "closing";
    this.reconsider();
    return this.#emptied.promise;
  }

  /** Ends every instance now; those still starting as soon as they have started. */
  kill(): Promise<void> {
    for (const slot of this.#slots) {
      if (slot.phase === "ready") this.#leaving(slot);
      if (isLive(slot)) slot.instance.kill().catch(this.#fault);
    }
    return this.close();
  }

  #settled(slot: Slot, report: InvocationReport): void {
    slot.inFlight -= 1;
    slot.progressAtMs = this.#freedAtMs = now();
    if (!isLive(slot) || slot.instance.isComplete) this.#crashLoop.succeeded();
    this.#estimates = afterInvocation(this.#estimates, report);
    if (slot.phase !== "ready" || !isLive(slot)) return;
    if (this.#isSingleUse || this.#parts.budget.mustYield(this.#member)) this.#retire(slot);
    else if (slot.inFlight === 0 && slot.usage.isOverdue) void slot.usage.read().then(() => this.#rest(slot));
    else this.#rest(slot);
  }

  #rest(slot: Slot): void {
    if (slot.phase !== "ready" || !isLive(slot)) return;
    if (slot.inFlight < this.#parts.version.manifest.concurrency) this.#free.add(slot);
    else this.#latest = slot;
    this.#demand.freed();
    if (this.#phase !== "open") this.#retireUnneeded();
    else this.#timers.later("expire", this.#parts.version.manifest.scaling.idleTimeoutMs, () => this.#retireExpired());
  }

  #returned(slot: Slot, returned: readonly Returned[]): void {
    slot.inFlight -= returned.length;
    this.#demand.returned(returned);
    // Maybe none of those it had had begun.
    this.#rest(slot);
    this.reconsider();
  }

  #launch(): Promise<TsfnError | null> {
    const slot = slotFor(this.#parts.version);
    this.#slots.add(slot);
    this.#outlook.started();
    const ending = launch(this.#parts, slot, this.#owner).then(
      (live) => this.#ready(live),
      (thrown: unknown) => this.#startFailed(slot, asTsfnError(thrown)),
    );
    this.#launches.add(ending);
    return ending.finally(() => this.#launches.delete(ending));
  }

  /** Resolves when its start is over: it takes invocations before. */
  async #ready(slot: LiveSlot): Promise<null> {
    slot.phase = "ready";
    slot.readyAtMs = slot.progressAtMs = now();
    for (const tell of slot.early.splice(0)) tell();
    this.#rest(slot);
    await slot.startOver;
    if (slot.instance.isComplete) this.#estimates = afterStart(this.#estimates, now() - slot.startedAtMs);
    this.#parts.budget.started(this.#member);
    this.reconsider();
    return null;
  }

  #startFailed(slot: Slot, failure: TsfnError): TsfnError {
    this.#slots.delete(slot);
    this.#crashed(slot, failure);
    this.#parts.budget.failed(this.#member, failure.code);
    this.reconsider();
    return failure;
  }

  #crashed(slot: Slot, failure: TsfnError): void {
    this.#crashLoop.failed(failure, slot.startedAtMs, now());
    const cause = this.hopelessCause();
    if (cause !== null) this.#demand.hopeless(cause);
  }

  #retire(slot: Slot | undefined): void {
    if (slot === undefined || slot.phase !== "ready" || !isLive(slot)) return;
    this.#leaving(slot);
    slot.instance.retire().catch(this.#fault);
  }

  #leaving(slot: Slot): void {
    slot.phase = "leaving";
    this.#free.remove(slot);
    this.#parts.budget.leaving(this.#member);
  }

  /** The instance takes no more invocations, maybe because it ended of itself. */
  #unusable(slot: Slot): void {
    if (slot.phase === "leaving") return;
    this.#leaving(slot);
    const isOnItsWay = isLive(slot) && !slot.instance.isComplete;
    if ((!slot.used || isOnItsWay) && now() - slot.startedAtMs < maxBackoffMs) {
      this.#crashed(slot, endedUnasked(this.#parts.version));
    }
    this.reconsider();
  }

  #gone(slot: Slot): void {
    this.#unusable(slot);
    this.#slots.delete(slot);
    this.#parts.budget.gone(this.#member);
    this.reconsider();
  }

  #startsWanted(): number {
    if (this.#phase === "closed" || this.backoffMs() > 0) return 0;
    const { concurrency, scaling } = this.#parts.version.manifest;
    const waiting = this.#demand.waiting();
    const known = { waiting, held: this.#slots.size, singleUse: this.#isSingleUse, max: scaling.max };
    if (!mayWantStarts({ ...known, min: scaling.min })) return 0;
    const wanted = this.#outlook.wanted(this.#freedAtMs, () =>
      startsWanted({
        ...known,
        ...viewOf(this.#slots, this.#isSingleUse, now()),
        ...forScaling(this.#estimates),
        min: this.#min,
        freedMs: now() - this.#freedAtMs,
        concurrency,
        spare: this.#spareWanted(),
      }),
    );
    // Callers may have left since it was looked.
    return this.#isSingleUse ? wanted : Math.min(wanted, waiting + scaling.min);
  }

  /** Nobody else has to give up an instance for one that is made ahead. */
  #spareWanted(): number {
    const { idleTimeoutMs } = this.#parts.version.manifest.scaling;
    const isInUse = this.#phase === "open" && now() - this.#usedAtMs < idleTimeoutMs;
    return isInUse && !this.#parts.budget.isFull ? spareInstances : 0;
  }

  get #min(): number {
    return this.#phase === "open" ? this.#parts.version.manifest.scaling.min : 0;
  }

  /** The longest idle instance, if the fleet can do without it. */
  #spare(): LiveSlot | undefined {
    return countUsable(this.#slots, this.#isSingleUse) > this.#min ? this.#free.idle()[0] : undefined;
  }

  #retireExpired(): void {
    const { idleTimeoutMs } = this.#parts.version.manifest.scaling;
    const idle = this.#free.idle();
    const idleMs = idle.map((slot) => now() - slot.progressAtMs);
    const usable = countUsable(this.#slots, this.#isSingleUse);
    const count = retireCount(idleMs, { usable, min: this.#min, idleTimeoutMs });
    for (const slot of idle.slice(0, count)) this.#retire(slot);
    if (this.#spare() === undefined) return;
    this.#timers.later("expire", Math.max(1, idleTimeoutMs - (idleMs[count] ?? 0)), () => this.#retireExpired());
  }

  #retireUnneeded(): void {
    if (this.#demand.waiting() > 0) return;
    for (const slot of this.#slots) this.#retire(slot);
    if (this.#slots.size > 0 || this.#phase === "closed") return;
    this.#phase = "closed";
    this.#timers.clear();
    this.#parts.budget.leave(this.#member);
    this.#emptied.resolve();
  }

  readonly #fault = (thrown: unknown): void => this.#parts.events.fault(asTsfnError(thrown));
}
