// The machine's share of instances, over all pools: how many there may be, how many may start at the same time, and who
// is next. Fair by need: whoever holds the fewest goes first, and a full machine lets go of the longest idle instance.

import type { ErrorCode } from "../errors.ts";
import type { Capacity } from "./capacity.ts";

export interface BudgetLimits extends Capacity {
  /** Starts at the same time over all functions: they are CPU work, so more of them only makes each slower. */
  readonly maxStarting: number;
  /** How long a pool with nothing waits on a full, busy machine before another one must let go of an instance. */
  readonly patienceMs: number;
}

/** A pool, as the budget sees it. */
export interface BudgetMember {
  /** Its instances have a network, of which there are fewer than instances (runtime/egress). */
  usesNetwork(): boolean;
  /** Instances it would start now. */
  startsWanted(): number;
  /** Granted: starts one, and calls `started` and `gone` later. */
  start(): void;
  /** Since when its longest idle instance beyond `min` has been idle; null when it has none to spare. */
  spareSinceMs(): number | null;
  /** Retires that instance; `gone` is called when it has left. */
  retireSpare(): void;
}

interface Account {
  held: number;
  starting: number;
  /** Instances that are leaving and will make room. */
  leaving: number;
  hungrySinceMs: number | null;
}

export class Budget {
  readonly #limits: BudgetLimits;
  readonly #now: () => number;
  readonly #accounts = new Map<BudgetMember, Account>();
  readonly #hungry = new Set<BudgetMember>();
  #held = 0;
  #starting = 0;
  #leaving = 0;

  constructor(limits: BudgetLimits, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /** Instances that are not gone, over all pools. */
  get held(): number {
    return this.#held;
  }

  /** Instances that are starting, over all pools. */
  get starting(): number {
    return this.#starting;
  }

  get isFull(): boolean {
    return this.#held >= this.#limits.maxInstances;
  }

  /** What keeps it from holding more, once it is full. */
  get capacity(): Capacity {
    return this.#limits;
  }

  join(member: BudgetMember): void {
    this.#accounts.set(member, { held: 0, starting: 0, leaving: 0, hungrySinceMs: null });
  }

  /** Only after the last `gone`. */
  leave(member: BudgetMember): void {
    this.#feed(member);
    this.#accounts.delete(member);
  }

  /** The member's need may have changed: grants starts, to it or to whoever is first. */
  request(member: BudgetMember): void {
    // Nothing can be granted now; whoever is hungry is asked again when a start has ended.
    if (this.#starting >= this.#limits.maxStarting && !this.isFull && this.#hungry.has(member)) return;
    if (member.startsWanted() === 0) {
      this.#feed(member);
      return;
    }
    if (!this.#hungry.has(member)) {
      this.#account(member).hungrySinceMs = this.#now();
      this.#hungry.add(member);
    }
    this.#grant();
  }

  /**
   * Counts a start that must not wait, such as the proof of a deploy: at most one per deploy over the limit, and a
   * spare instance is let go for it.
   */
  force(member: BudgetMember): void {
    this.#take(member);
    if (this.#held - this.#leaving > this.#limits.maxInstances) this.#evict();
  }

  /** The start is over, and went well. */
  started(member: BudgetMember): void {
    this.#account(member).starting -= 1;
    this.#starting -= 1;
    this.#grant();
  }

  /** The start is over, and nothing came of it. For want of a network: an idle instance that has one is let go for the next try. */
  failed(member: BudgetMember, code: ErrorCode): void {
    if (code === "NO_CAPACITY" && member.usesNetwork()) this.#evict((other) => other.usesNetwork());
    this.leaving(member);
    this.started(member);
    this.gone(member);
  }

  /** An instance takes no more invocations and will be gone. */
  leaving(member: BudgetMember): void {
    this.#account(member).leaving += 1;
    this.#leaving += 1;
  }

  /** An instance that was announced by `leaving` has left. */
  gone(member: BudgetMember): void {
    const account = this.#account(member);
    account.leaving -= 1;
    account.held -= 1;
    this.#leaving -= 1;
    this.#held -= 1;
    this.#grant();
  }

  /** Whether this busy member should retire an instance rather than hand it the next of its own line. */
  mustYield(member: BudgetMember): boolean {
    if (this.#hungry.size === 0 || this.#held - this.#leaving < this.#limits.maxInstances) return false;
    const mine = this.#keeps(member);
    for (const other of this.#hungry) {
      const { hungrySinceMs } = this.#account(other);
      const patient = hungrySinceMs !== null && this.#now() - hungrySinceMs < this.#limits.patienceMs;
      const theirs = this.#keeps(other);
      if (other !== member && !patient && (theirs === 0 || theirs + 1 < mine)) return true;
    }
    return false;
  }

  #grant(): void {
    while (this.#starting < this.#limits.maxStarting) {
      const next = this.#hungriest();
      if (next === undefined) return;
      if (this.isFull) {
        this.#makeRoom();
        return;
      }
      this.#take(next);
      next.start();
    }
  }

  /** The one that holds the fewest; of equals the one that has waited longest. Forgets who is hungry no more. */
  #hungriest(): BudgetMember | undefined {
    let first: BudgetMember | undefined;
    for (const member of [...this.#hungry]) {
      if (member.startsWanted() === 0) this.#feed(member);
      else if (first === undefined || this.#keeps(member) < this.#keeps(first)) first = member;
    }
    return first;
  }

  #take(member: BudgetMember): void {
    const account = this.#account(member);
    account.held += 1;
    account.starting += 1;
    account.hungrySinceMs = this.#now();
    this.#held += 1;
    this.#starting += 1;
  }

  /** Lets go of as many spare instances as can be replaced at the same time. */
  #makeRoom(): void {
    const wanted = [...this.#hungry].reduce((sum, member) => sum + member.startsWanted(), 0);
    const room = Math.min(wanted, this.#limits.maxStarting);
    while (this.#leaving < room && this.#evict());
  }

  /** Looks at every pool, but only when the machine is full. */
  #evict(isOf: (member: BudgetMember) => boolean = () => true): boolean {
    let longest: { readonly member: BudgetMember; readonly sinceMs: number } | undefined;
    for (const member of this.#accounts.keys()) {
      const sinceMs = this.#hungry.has(member) || !isOf(member) ? null : member.spareSinceMs();
      if (sinceMs !== null && (longest === undefined || sinceMs < longest.sinceMs)) longest = { member, sinceMs };
    }
    longest?.member.retireSpare();
    return longest !== undefined;
  }

  #feed(member: BudgetMember): void {
    this.#hungry.delete(member);
    this.#account(member).hungrySinceMs = null;
  }

  #keeps(member: BudgetMember): number {
    const { held, leaving } = this.#account(member);
    return held - leaving;
  }

  #account(member: BudgetMember): Account {
    const account = this.#accounts.get(member);
    if (account === undefined) throw new Error("the pool has not joined the budget, or has left it");
    return account;
  }
}
