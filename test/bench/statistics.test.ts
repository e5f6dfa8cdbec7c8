// The figures of a report: percentiles are samples that were seen, and a ratio's interval holds what it should.

import test from "ava";
import { medianRatio, percentile, summarize } from "../../bench/statistics.ts";

test("a percentile is the nearest rank, never a value in between", (t) => {
  const samples = Array.from({ length: 100 }, (_, index) => index + 1);
  t.is(percentile(samples, 0.5), 50);
  t.is(percentile(samples, 0.99), 99);
  t.is(percentile([7], 0.99), 7);
  t.true(Number.isNaN(percentile([], 0.5)));
});

test("a summary does not depend on the order of the samples", (t) => {
  t.deepEqual(summarize([3, 1, 2]), summarize([1, 2, 3]));
  t.like(summarize([3, 1, 2]), { count: 3, p50: 2, min: 1, max: 3 });
});

test("a ratio of like samples is about 1, of doubled ones 2, inside an interval that is not empty", (t) => {
  const samples = Array.from({ length: 60 }, (_, index) => 100 + (index % 7));
  const same = medianRatio(samples, samples);
  t.is(same.value, 1);
  t.true(same.low <= 1 && same.high >= 1 && same.low < same.high);
  const doubled = medianRatio(
    samples.map((sample) => sample * 2),
    samples,
  );
  t.is(doubled.value, 2);
  t.true(doubled.low > 1.8 && doubled.high < 2.2);
});
