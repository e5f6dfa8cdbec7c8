// Axes: values keep their order and their ends, and the numbers written along them are round ones within the axis.

import test from "ava";
import fc from "fast-check";
import { linear, logarithmic, type Scale, type Span } from "../../../bench/charts/scale.ts";

const spans = fc
  .tuple(fc.double({ min: 1e-3, max: 1e6, noNaN: true }), fc.double({ min: 1.5, max: 1e6, noNaN: true }))
  .map(([low, factor]): Span => [low, low * factor]);

const holds = (scale: Scale, [low, high]: Span): boolean =>
  Math.abs(scale(low)) < 1e-6 &&
  Math.abs(scale(high) - 100) < 1e-6 &&
  scale.ticks.every(
    (tick, index) => tick >= low * 0.999 && tick <= high * 1.001 && tick > (scale.ticks[index - 1] ?? -1),
  );

test("both kinds of axis keep their ends, and their ticks ascend within them", (t) => {
  fc.assert(fc.property(spans, (span) => holds(linear(span, [0, 100]), span)));
  fc.assert(fc.property(spans, (span) => holds(logarithmic(span, [0, 100]), span)));
  t.pass();
});

test("ticks are round numbers", (t) => {
  t.deepEqual(linear([0, 105], [0, 1]).ticks, [0, 20, 40, 60, 80, 100]);
  t.deepEqual(linear([0, 0.7], [0, 1]).ticks, [0, 0.2, 0.4, 0.6]);
  t.deepEqual(logarithmic([3, 6_000], [0, 1]).ticks, [10, 100, 1_000]);
  t.deepEqual(logarithmic([15, 400], [0, 1]).ticks, [20, 50, 100, 200]);
});

test("ten times as much is as far away, wherever on a logarithmic axis", (t) => {
  const x = logarithmic([1, 10_000], [0, 400]);
  t.deepEqual([1, 10, 100, 1_000].map(x), [0, 100, 200, 300]);
});
