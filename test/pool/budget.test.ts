// The machine's share of instances: its limits hold whatever the pools want, and nobody starves.

import test from "ava";
import fc from "fast-check";
import type { ErrorCode } from "../../runtime/errors.ts";
import { Budget, type BudgetLimits, type BudgetMember } from "../../runtime/pool/budget.ts";

/** A pool that wants a number of instances and lets the test end starts and idle ones. */
class Wanting implements BudgetMember {
  hasNetwork = false;
  readonly budget: Budget;
  wanted = 0;
  starting = 0;
  ready = 0;
  leaving = 0;
  idleSinceMs: number | null = null;

  constructor(budget: Budget) {
    this.budget = budget;
    budget.join(this);
  }

  get held(): number {
    return this.starting + this.ready + this.leaving;
  }

  want(count: number): void {
    this.wanted = count;
    this.budget.request(this);
  }

  usesNetwork(): boolean {
    return this.hasNetwork;
  }

  startsWanted(): number {
    return Math.max(0, this.wanted - this.starting - this.ready);
  }

  start(): void {
    this.starting += 1;
  }

  spareSinceMs(): number | null {
    return this.ready > 0 ? this.idleSinceMs : null;
  }

  retireSpare(): void {
    this.ready -= 1;
    this.leaving += 1;
    this.budget.leaving(this);
  }

  finishStart(): void {
    if (this.starting === 0) return;
    this.starting -= 1;
    this.ready += 1;
    this.budget.started(this);
  }

  failStart(code: ErrorCode): void {
    this.starting -= 1;
    this.budget.failed(this, code);
  }

  finishLeaving(): void {
    if (this.leaving === 0) return;
    this.leaving -= 1;
    this.budget.gone(this);
  }
}

let clockMs = 0;
const newBudget = (limits: Partial<BudgetLimits> = {}): Budget =>
  new Budget({ maxInstances: 10, bound: "", hint: "", maxStarting: 4, patienceMs: 100, ...limits }, () => clockMs);

test("no more start at the same time than may, and the next starts when one has ended", (t) => {
  const pool = new Wanting(newBudget({ maxStarting: 2 }));
  pool.want(5);
  t.is(pool.starting, 2);
  pool.finishStart();
  t.is(pool.starting, 2);
  t.is(pool.ready, 1);
});

test("who waits for a start that cannot be granted is not asked again before one has ended", (t) => {
  const pool = new Wanting(newBudget({ maxStarting: 1 }));
  let asked = 0;
  const startsWanted = pool.startsWanted.bind(pool);
  pool.startsWanted = () => {
    asked += 1;
    return startsWanted();
  };
  pool.want(3);
  const before = asked;
  for (let times = 0; times < 100; times += 1) pool.want(3);
  t.is(asked, before);
  pool.finishStart();
  t.deepEqual([pool.starting, pool.ready], [1, 1]);
});

test("whoever holds the fewest starts first", (t) => {
  const budget = newBudget({ maxStarting: 1 });
  const [greedy, small] = [new Wanting(budget), new Wanting(budget)];
  greedy.want(5);
  small.want(1);
  t.is(greedy.starting, 1);
  greedy.finishStart();
  t.is(small.starting, 1);
});

test("a full machine lets go of the longest idle instance of another pool", (t) => {
  const budget = newBudget({ maxInstances: 2 });
  const [recent, old, needy] = [new Wanting(budget), new Wanting(budget), new Wanting(budget)];
  for (const pool of [recent, old]) {
    pool.want(1);
    pool.finishStart();
    pool.wanted = 0;
  }
  recent.idleSinceMs = 50;
  old.idleSinceMs = 10;
  needy.want(1);
  t.is(old.leaving, 1);
  t.is(recent.leaving, 0);
  t.is(needy.starting, 0);
  old.finishLeaving();
  t.is(needy.starting, 1);
});

test("on a full and busy machine a pool with many yields one, but only to a patient one", (t) => {
  const budget = newBudget({ maxInstances: 3 });
  const [many, none] = [new Wanting(budget), new Wanting(budget)];
  many.want(3);
  for (let count = 0; count < 3; count += 1) many.finishStart();
  many.want(10);
  none.want(1);
  t.false(budget.mustYield(many));
  clockMs += 200;
  t.true(budget.mustYield(many));
  t.false(budget.mustYield(none));
  many.retireSpare();
  t.false(budget.mustYield(many));
  many.finishLeaving();
  t.is(none.starting, 1);
});

test("a forced start goes over the limit and lets go of a spare instance for it", (t) => {
  const budget = newBudget({ maxInstances: 1 });
  const [idle, proving] = [new Wanting(budget), new Wanting(budget)];
  idle.want(1);
  idle.finishStart();
  idle.wanted = 0;
  idle.idleSinceMs = 0;
  budget.force(proving);
  t.is(budget.held, 2);
  t.is(idle.leaving, 1);
});

test("whatever pools want and whichever starts and instances end, the limits hold and the count is right", (t) => {
  const step = fc.record({
    pool: fc.nat(3),
    action: fc.constantFrom("want", "start", "idle", "leave", "retire"),
    count: fc.nat(12),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const budget = newBudget({ maxInstances: 6, maxStarting: 3 });
      const pools = Array.from({ length: 4 }, () => new Wanting(budget));
      for (const { pool: index, action, count } of steps) {
        const pool = pools[index];
        if (pool === undefined) continue;
        clockMs += count;
        if (action === "want") pool.want(count);
        else if (action === "start") pool.finishStart();
        else if (action === "leave") pool.finishLeaving();
        else if (action === "idle") pool.idleSinceMs = clockMs;
        else if (pool.ready > 0) pool.retireSpare();
        const held = pools.reduce((sum, { held }) => sum + held, 0);
        t.is(budget.held, held);
        t.true(held <= 6);
        t.true(budget.starting <= 3);
      }
      // Whoever still wants gets some: once everything else ends, every pool with a need has an instance.
      for (const pool of pools) pool.wanted = Math.min(pool.wanted, 1);
      for (let round = 0; round < 50; round += 1) {
        for (const pool of pools) {
          pool.finishLeaving();
          pool.finishStart();
          if (pool.ready > pool.wanted) pool.retireSpare();
          budget.request(pool);
        }
      }
      t.true(pools.every(({ wanted, ready }) => ready >= wanted));
    }),
  );
});

test("for want of a network the longest idle instance that has one is let go, and no other", (t) => {
  const budget = newBudget();
  const [plain, older, newer, wanting] = [budget, budget, budget, budget].map((each) => new Wanting(each));
  if (!plain || !older || !newer || !wanting) return t.fail();
  for (const [at, pool] of [plain, older, newer].entries()) {
    pool.hasNetwork = pool !== plain;
    pool.want(1);
    pool.finishStart();
    pool.wanted = 0;
    pool.idleSinceMs = at;
  }
  wanting.hasNetwork = true;
  wanting.want(1);
  wanting.failStart("STARTUP_FAILED");
  t.deepEqual(
    [plain, older, newer].map(({ leaving }) => leaving),
    [0, 0, 0],
  );
  wanting.failStart("NO_CAPACITY");
  t.deepEqual(
    [plain, older, newer].map(({ leaving }) => leaving),
    [0, 1, 0],
  );
});
