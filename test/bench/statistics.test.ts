// The figures of a report: percentiles are samples that were seen, and a ratio's interval holds what it should.

import test from "ava";
import fc from "fast-check";
import {
  countsOf,
  medianInterval,
  medianRatio,
  mergeCounts,
  percentile,
  percentileOfCounts,
  summarize,
} from "../../bench/statistics.ts";

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

test("percentiles of counted samples are those of the samples", (t) => {
  const samples = fc.array(fc.integer({ min: 0, max: 50 }), { minLength: 1, maxLength: 300 });
  fc.assert(
    fc.property(samples, samples, fc.constantFrom(0.01, 0.5, 0.9, 0.99, 1), (some, others, fraction) => {
      const sorted = [...some, ...others].sort((a, b) => a - b);
      const counts = mergeCounts([countsOf(some), countsOf(others)]);
      return percentileOfCounts(counts, fraction) === percentile(sorted, fraction);
    }),
  );
  t.true(Number.isNaN(percentileOfCounts([], 0.5)));
});

test("the same samples always have the same interval, and more of them a narrower one", (t) => {
  const few = Array.from({ length: 10 }, (_, index) => 100 + ((index * 7) % 13));
  const many = Array.from({ length: 500 }, (_, index) => 100 + ((index * 7) % 13));
  t.deepEqual(medianInterval(few), medianInterval(few));
  const width = ({ low, high }: { readonly low: number; readonly high: number }) => high - low;
  t.true(width(medianInterval(many)) < width(medianInterval(few)));
});
