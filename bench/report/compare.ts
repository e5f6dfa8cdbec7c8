// What changed between two results beyond noise. Floors and peers are not ours: what they moved by is the machine, so a
// change of tsfn counts only where its whole interval lies outside of what they moved by.

import type { Measure, Report, Subject } from "../report.ts";
import { medianRatio, type Ratio } from "../statistics.ts";
import { digits } from "./figures.ts";
import type { Result } from "./result.ts";

export interface Change {
  readonly scenario: string;
  readonly subject: string;
  readonly measure: string;
  /** Now / then. */
  readonly ratio: Ratio;
  readonly verdict: "better" | "worse";
}

export interface Comparison {
  readonly changes: readonly Change[];
  /** By scenario: what the floors and peers moved by, from the least to the most. */
  readonly drifts: ReadonlyMap<string, { readonly low: number; readonly high: number }>;
  /** Measures that both results have. */
  readonly compared: number;
  /** Scenarios whose setup differs, so that nothing of them was compared. */
  readonly unlike: readonly string[];
}

/** Of less than this nobody should speak, however sure it is. */
const worthTelling = 0.03;
/** Of less than these rounds the interval says nothing. */
const fewestRounds = 3;

export function compare(now: Pick<Result, "scenarios">, then: Pick<Result, "scenarios">): Comparison {
  const changes: Change[] = [];
  const drifts = new Map<string, { low: number; high: number }>();
  const unlike: string[] = [];
  let compared = 0;
  for (const { name: scenario, report } of now.scenarios) {
    const before = then.scenarios.find(({ name }) => name === scenario)?.report;
    if (report === undefined || before === undefined) continue;
    const pairs = pairsOf(report, before);
    if (pairs.length === 0) unlike.push(scenario);
    const references = pairs.filter(({ subject }) => subject.reference === true).map(ratioOf);
    // Nobody to compare with: the machine is taken to have stood still.
    const values = [1, ...references.map(({ value }) => value)];
    const drift = { low: Math.min(...values), high: Math.max(...values) };
    drifts.set(scenario, drift);
    for (const pair of pairs) {
      if (pair.subject.reference === true) continue;
      compared += 1;
      const ratio = ratioOf(pair);
      const up = ratio.low > drift.high * (1 + worthTelling);
      const down = ratio.high < drift.low * (1 - worthTelling);
      if (!up && !down) continue;
      const verdict = up === isRate(pair.measure) ? "better" : "worse";
      changes.push({ scenario, subject: pair.subject.name, measure: pair.measure.name, ratio, verdict });
    }
  }
  return { changes, drifts, compared, unlike };
}

export function comparisonText({ changes, drifts, compared, unlike }: Comparison, then: string): string {
  const lines = [
    `against ${then}: ${compared} measures, ${changes.length} changed beyond noise`,
    ...changes.map(
      ({ scenario, subject, measure, ratio, verdict }) =>
        `${verdict.padEnd(7)}${scenario}: ${subject}, ${measure}: × ${digits(ratio.value)} (${digits(ratio.low)}…${digits(ratio.high)})`,
    ),
    ...[...drifts].map(
      ([scenario, { low, high }]) => `floors and peers of ${scenario} moved by × ${digits(low)}…${digits(high)}`,
    ),
    ...unlike.map(
      (scenario) => `nothing of ${scenario} can be compared: no measure is in both with ${fewestRounds} rounds or more`,
    ),
  ];
  return `${lines.join("\n")}\n`;
}

interface Pair {
  readonly subject: Subject;
  readonly measure: Measure;
  readonly before: Measure;
}

function pairsOf(now: Report, then: Report): Pair[] {
  return now.subjects.flatMap((subject) => {
    const earlier = then.subjects.find(({ name }) => name === subject.name);
    return subject.measures.flatMap((measure): Pair[] => {
      const before = earlier?.measures.find(({ name, unit }) => name === measure.name && unit === measure.unit);
      const enough = Math.min(measure.samples.length, before?.samples.length ?? 0) >= fewestRounds;
      return before === undefined || !enough ? [] : [{ subject, measure, before }];
    });
  });
}

function ratioOf({ measure, before }: Pair): Ratio {
  return medianRatio(measure.samples, before.samples);
}

/** More of it is better; of everything else less is. */
function isRate({ unit }: Measure): boolean {
  return unit === "/s";
}
