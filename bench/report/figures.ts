// How a figure is written down: three significant digits, which is all that a shared machine is good for, with the
// interval of its median and, where there are enough samples for one, its p99.

import type { Claim, Measure } from "../report.ts";
import { medianInterval, summarize } from "../statistics.ts";

/** Of fewer samples the p99 would only be the largest. */
const enoughForP99 = 20;

/** Such as `9.10 ms (8.95…9.31), p99 12.4`. */
export function figure({ samples, unit }: Measure): string {
  const { p50, p99, count } = summarize(samples);
  const { low, high } = medianInterval(samples);
  return [
    withUnit(p50, unit),
    ...(count > 1 ? [` (${digits(low)}…${digits(high)})`] : []),
    ...(count >= enoughForP99 ? [`, p99 ${digits(p99)}`] : []),
  ].join("");
}

export function withUnit(value: number, unit: Measure["unit"]): string {
  if (!Number.isFinite(value)) return "none";
  return unit === "" || unit === "/s" ? `${digits(value)}${unit}` : `${digits(value)} ${unit}`;
}

export function digits(value: number): string {
  if (!Number.isFinite(value)) return "none";
  return Math.abs(value) >= 1_000 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(3)));
}

export function target({ wanted }: Pick<Claim, "wanted">): string {
  return "atMost" in wanted ? `at most ${wanted.atMost}` : `at least ${wanted.atLeast}`;
}
