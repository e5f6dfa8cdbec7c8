// Warm latency: one row for each server, showing how often an answer took how long, on one logarithmic axis.

import { digits } from "../report/figures.ts";
import type { Result } from "../report/result.ts";
import { type Counts, percentileOfCounts } from "../statistics.ts";
import { logarithmic, type Scale } from "./scale.ts";
import { colours, draw, element, line, text, top } from "./svg.ts";

interface Row {
  readonly name: string;
  readonly reference: boolean;
  readonly counts: Counts;
  readonly p50: number;
  readonly p99: number;
}

const size = { width: 860, labels: 190, right: 190, row: 62 } as const;
const bins = 160;

/** undefined when the result holds no latencies of tsfn. */
export function drawLatencies({ scenarios }: Pick<Result, "scenarios">): string | undefined {
  const report = scenarios.find(({ name }) => name === "warm")?.report;
  const rows = (report?.subjects ?? [])
    .flatMap(({ name, reference = false, measures }): Row[] => {
      const counts = measures.find((measure) => measure.counts !== undefined)?.counts ?? [];
      if (counts.length === 0) return [];
      return [{ name, reference, counts, p50: percentileOfCounts(counts, 0.5), p99: percentileOfCounts(counts, 0.99) }];
    })
    .sort((a, b) => a.p50 - b.p50);
  const own = rows.find(({ reference }) => !reference);
  if (own === undefined) return undefined;
  const least = Math.min(...rows.map(({ counts }) => percentileOfCounts(counts, 0.001)));
  const most = Math.max(...rows.map(({ counts }) => percentileOfCounts(counts, 0.999)));
  const bottom = top + rows.length * size.row;
  const x = logarithmic([Math.max(1, least * 0.8), most * 1.2], [size.labels, size.width - size.right]);
  const title = `A warm call of tsfn takes ${microseconds(own.p50)}: ${comparison(own, rows)}`;
  const subtitle = "One call at a time over one connection. The hill shows how often an answer took how long.";
  return draw({ width: size.width, height: bottom + 40, title, subtitle }, [
    ...x.ticks.flatMap((us) => [
      line(x(us), top - 6, x(us), bottom),
      text(x(us), bottom + 20, microseconds(us), { "text-anchor": "middle", fill: colours.faint }),
    ]),
    ...rows.flatMap((row, index) => drawRow(row, top + (index + 1) * size.row - 6, x)),
  ]);
}

function drawRow({ name, reference, counts, p50, p99 }: Row, y: number, x: Scale): string[] {
  const colour = reference ? colours.peer : colours.tsfn;
  const [left, right] = [size.labels, size.width - size.right];
  const heights = binned(counts, (us) => Math.floor(((x(us) - left) / (right - left)) * bins));
  const most = Math.max(...heights);
  const points = heights.map((height, bin) => {
    const at = left + ((bin + 0.5) / bins) * (right - left);
    return `${at.toFixed(1)},${(y - (height / most) * (size.row - 16)).toFixed(1)}`;
  });
  const hill = `${left},${y} ${points.join(" ")} ${right},${y}`;
  return [
    line(left, y, right, y),
    element("polygon", { points: hill, fill: colour, "fill-opacity": 0.35, stroke: colour, "stroke-width": 1.2 }),
    line(x(p50), y - size.row + 14, x(p50), y, { stroke: colour, "stroke-width": 2 }),
    text(left - 14, y - 8, name, { "text-anchor": "end", "font-weight": reference ? 400 : 600 }),
    text(right + 20, y - 20, `median ${microseconds(p50)}`, { "font-weight": 600, fill: colour }),
    text(right + 20, y - 3, `p99 ${microseconds(p99)}`, { fill: colours.faint }),
  ];
}

function binned(counts: Counts, binOf: (value: number) => number): number[] {
  const heights: number[] = Array.from({ length: bins }, () => 0);
  for (const [value, count] of counts) {
    const bin = binOf(Math.max(1, value));
    if (bin >= 0 && bin < bins) heights[bin] = (heights[bin] ?? 0) + count;
  }
  return heights;
}

function comparison(own: Row, rows: readonly Row[]): string {
  return rows
    .filter(({ reference }) => reference)
    .slice(0, 2)
    .map(({ name, p50 }) => {
      const factor = own.p50 / p50;
      return factor >= 1
        ? `${digits(Number(factor.toPrecision(2)))} × ${name}`
        : `${digits(Number((1 / factor).toPrecision(2)))} × faster than ${name}`;
    })
    .join(", ");
}

function microseconds(us: number): string {
  return us >= 1_000 ? `${digits(us / 1_000)} ms` : `${digits(us)} µs`;
}
