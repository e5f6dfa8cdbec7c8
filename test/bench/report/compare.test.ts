// Beyond noise: what the machine did to floors and peers, and what is within an interval, is no change of tsfn.

import test from "ava";
import { compare, comparisonText } from "../../../bench/report/compare.ts";
import type { Result } from "../../../bench/report/result.ts";
import type { Subject } from "../../../bench/report.ts";

const around = (middle: number) => Array.from({ length: 30 }, (_, index) => middle * (1 + ((index % 5) - 2) / 100));

const subject = (name: string, samples: readonly number[], unit: "ms" | "/s" = "ms", reference = false): Subject => ({
  name,
  reference,
  measures: [{ name: "wall", unit, samples }],
});

const result = (...subjects: readonly Subject[]): Pick<Result, "scenarios"> => ({
  scenarios: [{ name: "cold", durationS: 1, report: { title: "", setup: [], subjects, claims: [], notes: [] } }],
});

test("a doubled time is worse, a doubled rate is better, and both have their interval", (t) => {
  const then = result(subject("call", around(10)), subject("calls", around(100), "/s"));
  const now = result(subject("call", around(20)), subject("calls", around(200), "/s"));
  const { changes, compared } = compare(now, then);
  t.is(compared, 2);
  t.deepEqual(
    changes.map(({ subject, verdict }) => [subject, verdict]),
    [
      ["call", "worse"],
      ["calls", "better"],
    ],
  );
  for (const { ratio } of changes) t.true(ratio.low > 1.9 && ratio.high < 2.1 && ratio.low < ratio.high);
});

test("the same again is no change, nor is what is smaller than its interval", (t) => {
  const then = result(subject("call", around(10)));
  t.deepEqual(compare(then, then).changes, []);
  t.deepEqual(compare(result(subject("call", around(10.1))), then).changes, []);
});

test("a machine that is twice as slow is no change, but what it does not explain is", (t) => {
  const then = result(subject("call", around(10)), subject("bare node", around(50), "ms", true));
  const slower = result(subject("call", around(20)), subject("bare node", around(100), "ms", true));
  t.deepEqual(compare(slower, then).changes, []);
  const { low, high } = compare(slower, then).drifts.get("cold") ?? {};
  t.is(low, 1);
  t.is(high, 2);
  const worse = result(subject("call", around(40)), subject("bare node", around(100), "ms", true));
  t.is(compare(worse, then).changes.length, 1);
});

test("too few rounds, other units and other subjects are not compared, and that is said", (t) => {
  const then = result(subject("call", [10, 10]), subject("calls", around(1), "/s"), subject("gone", around(1)));
  const now = result(subject("call", [20, 20]), subject("calls", around(9), "ms"), subject("new", around(1)));
  const comparison = compare(now, then);
  t.is(comparison.compared, 0);
  t.deepEqual(comparison.unlike, ["cold"]);
  t.regex(comparisonText(comparison, "then"), /nothing of cold can be compared/);
});

test("a scenario that failed in one of the results is left out", (t) => {
  const failed = { scenarios: [{ name: "cold", durationS: 1, error: "no" }] };
  t.is(compare(failed, result(subject("call", around(10)))).compared, 0);
  t.is(compare(result(subject("call", around(10))), failed).compared, 0);
});
