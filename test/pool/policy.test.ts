// The scaling rules, held against any situation fast-check can think of.

import test from "ava";
import fc from "fast-check";
import {
  backoffMs,
  isHopeless,
  maxBackoffMs,
  mayWantStarts,
  mostAhead,
  type PoolView,
  retireCount,
  smooth,
  startsWanted,
} from "../../runtime/pool/policy.ts";

const quiet: PoolView = {
  waiting: 0,
  starting: 0,
  busyMs: [],
  resettingMs: [],
  freedMs: Number.POSITIVE_INFINITY,
  held: 0,
  concurrency: 1,
  singleUse: false,
  spare: 0,
  min: 0,
  max: 200,
  serviceMs: null,
  startMs: 100,
};

test("nobody is sent ahead behind what is not short", (t) => {
  t.is(mostAhead(1.1), 0);
  t.is(mostAhead(0.1), 10);
  t.is(mostAhead(0), 32, "a guest that says that it needs no time gets no more than a batch");
  const property = fc.property(fc.double({ min: 0, max: 10, noNaN: true }), (tookMs) => {
    const most = mostAhead(tookMs);
    t.true(Number.isInteger(most) && most * tookMs <= 1, `${most} of ${tookMs} ms`);
  });
  t.notThrows(() => fc.assert(property));
});

const busy = (count: number, ms: number): number[] => Array.from({ length: count }, () => ms);

const views: fc.Arbitrary<PoolView> = fc
  .record({
    waiting: fc.nat(5_000),
    starting: fc.nat(50),
    busyMs: fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { maxLength: 50 }),
    resettingMs: fc.array(fc.double({ min: 0, max: 1e4, noNaN: true }), { maxLength: 10 }),
    freedMs: fc.oneof(fc.constant(Number.POSITIVE_INFINITY), fc.double({ min: 0, max: 1e6, noNaN: true })),
    leaving: fc.nat(20),
    concurrency: fc.integer({ min: 1, max: 1_000 }),
    singleUse: fc.boolean(),
    spare: fc.nat(3),
    min: fc.nat(20),
    spread: fc.nat(300),
    serviceMs: fc.option(fc.double({ min: 0, max: 1e6, noNaN: true })),
    startMs: fc.double({ min: 1, max: 10_000, noNaN: true }),
  })
  .map(({ leaving, spread, ...view }) => ({
    ...view,
    held: view.starting + view.busyMs.length + view.resettingMs.length + leaving,
    max: Math.max(1, view.min + spread),
  }));

test("never more instances than max exist, and the answer is a whole number", (t) => {
  fc.assert(
    fc.property(views, (view) => {
      const starts = startsWanted(view);
      t.true(Number.isInteger(starts) && starts >= 0);
      t.true(starts === 0 || view.held + starts <= view.max);
    }),
  );
  t.pass();
});

test("an invocation that waits while no instance exists or starts gets one", (t) => {
  fc.assert(
    fc.property(views, (view) => {
      const lonely = { ...view, waiting: Math.max(1, view.waiting), starting: 0, busyMs: [], resettingMs: [], held: 0 };
      t.true(startsWanted(lonely) >= 1);
    }),
  );
});

test("min instances are kept whether or not anyone waits", (t) => {
  t.is(startsWanted({ ...quiet, min: 3 }), 3);
  t.is(startsWanted({ ...quiet, min: 3, starting: 1, busyMs: [0], held: 2 }), 1);
  t.is(startsWanted({ ...quiet, min: 3, busyMs: [0, 0, 0], held: 3 }), 0);
});

test("a glance never keeps from a start that a look at every instance would want", (t) => {
  fc.assert(fc.property(views, (view) => t.true(mayWantStarts(view) || startsWanted(view) === 0)));
  t.false(mayWantStarts({ ...quiet, waiting: 0, min: 0 }));
  for (const need of [{ waiting: 1 }, { min: 1 }, { singleUse: true }]) t.true(mayWantStarts({ ...quiet, ...need }));
  t.false(mayWantStarts({ ...quiet, waiting: 9, held: quiet.max }));
});

test("nobody waiting and no min starts nothing", (t) => {
  fc.assert(
    fc.property(views, (view) => {
      t.is(startsWanted({ ...view, waiting: 0, min: 0, spare: 0 }), 0);
    }),
  );
});

test("a warm version starts nothing for a line that drains before a start would have finished", (t) => {
  const view = { ...quiet, serviceMs: 1, startMs: 100, busyMs: [0.5], held: 1 };
  t.is(startsWanted({ ...view, waiting: 99 }), 0);
  t.true(startsWanted({ ...view, waiting: 400 }) > 0);
});

test("a cold version that is known to be quick starts no herd", (t) => {
  t.is(startsWanted({ ...quiet, serviceMs: 1, startMs: 100, waiting: 100 }), 1);
  t.is(startsWanted({ ...quiet, serviceMs: 1, startMs: 100, waiting: 100, starting: 1, held: 1 }), 0);
});

test("a line behind slow invocations gets an instance for each place of concurrency", (t) => {
  const view = { ...quiet, serviceMs: 60_000, busyMs: busy(2, 1_000), held: 2, waiting: 10 };
  t.is(startsWanted(view), 10);
  t.is(startsWanted({ ...view, concurrency: 5 }), 2);
});

test("an invocation that runs far longer than usual is not counted on", (t) => {
  const view = { ...quiet, serviceMs: 1, startMs: 100, held: 1, waiting: 1 };
  t.is(startsWanted({ ...view, busyMs: [50] }), 0);
  t.is(startsWanted({ ...view, busyMs: [200] }), 1);
});

test("a quick version starts nothing because its one instance pauses for less than a start takes", (t) => {
  const view = { ...quiet, serviceMs: 0.05, startMs: 5, held: 1, waiting: 12 };
  for (const ms of [0.5, 2, 4]) t.is(startsWanted({ ...view, busyMs: [ms] }), 0, `${ms} ms`);
  t.is(startsWanted({ ...view, busyMs: [6] }), 1);
});

test("a burst of calls that keep their instances gets an instance for the last one too", (t) => {
  const many = Array.from({ length: 95 }, (_, index) => index * 5);
  const view = { ...quiet, serviceMs: 20, startMs: 20, busyMs: many, held: 95 };
  for (const waiting of [1, 5, 12]) t.is(startsWanted({ ...view, waiting }), waiting);
  t.is(startsWanted({ ...view, waiting: 5, freedMs: 1 }), 0, "one has just ended: others will");
});

test("an instance that is getting a fresh layer is waited for, however long its invocations take", (t) => {
  const view = { ...quiet, serviceMs: 1_000, startMs: 10, held: 1, waiting: 1 };
  t.is(startsWanted({ ...view, busyMs: [0.5] }), 1, "it will not be free before a start has ended");
  t.is(startsWanted({ ...view, resettingMs: [0.5] }), 0);
  t.is(startsWanted({ ...view, resettingMs: [0.5], waiting: 2 }), 1, "it has room for one only");
  t.is(startsWanted({ ...view, resettingMs: [50] }), 1, "this swap hangs");
  t.is(startsWanted({ ...view, resettingMs: [0.5], min: 1, waiting: 0 }), 0, "it counts as one of min");
});

test("an instance for one invocation only serves nobody else in the line", (t) => {
  t.is(startsWanted({ ...quiet, singleUse: true, serviceMs: 1, waiting: 7, busyMs: [], held: 3 }), 7);
  t.is(startsWanted({ ...quiet, singleUse: true, serviceMs: 1, waiting: 7, starting: 5, held: 8 }), 2);
  t.is(
    startsWanted({ ...quiet, singleUse: true, spare: 2, waiting: 0, busyMs: [0], held: 3 }),
    1,
    "one is ready ahead",
  );
});

test("more waiting never asks for fewer starts", (t) => {
  fc.assert(
    fc.property(views, fc.nat(1_000), (view, more) => {
      t.true(startsWanted({ ...view, waiting: view.waiting + more }) >= startsWanted(view));
    }),
  );
});

test("only instances idle past the timeout are retired, and never below min", (t) => {
  const view = { usable: 4, min: 2, idleTimeoutMs: 1_000 };
  t.is(retireCount([5_000, 2_000, 10], view), 2);
  t.is(retireCount([5_000, 2_000, 1_500], view), 2);
  t.is(retireCount([5_000, 20, 10], view), 1);
  t.is(retireCount([5_000, 2_000, 1_500], { ...view, min: 9 }), 0);
});

test("the backoff doubles with every failure in a row up to its cap, and is nothing without one", (t) => {
  t.deepEqual([0, 1, 2, 3, 4].map(backoffMs), [0, 100, 200, 400, 800]);
  t.is(backoffMs(1_000), maxBackoffMs);
});

test("callers are refused at once for a module that throws, and after repeated tries for anything else", (t) => {
  t.false(isHopeless(0, "LOAD_FAILED"));
  t.true(isHopeless(1, "LOAD_FAILED"));
  t.false(isHopeless(2, "SANDBOX_FAILED"));
  t.true(isHopeless(3, "SANDBOX_FAILED"));
});

test("the usual duration follows its samples without leaping to one", (t) => {
  t.is(smooth(null, 40), 40);
  const after = smooth(10, 1_000);
  t.true(after > 10 && after < 500);
});
