// The burst curve: how many of N calls that came at once have their answer, over time.

import { digits } from "../report/figures.ts";
import type { Result } from "../report/result.ts";
import type { Series } from "../report.ts";
import { drawLines, type Line } from "./lines.ts";
import { seriesOf } from "./series.ts";
import { colours } from "./svg.ts";

const colourOf = new Map<string, string>([
  ["tsfn", colours.tsfn],
  ["plain nodes", colours.peer],
  ["floor", colours.floor],
]);

/** @param calls in the burst; undefined when the result holds no burst of so many */
export function drawBurst(result: Pick<Result, "scenarios">, calls: number): string | undefined {
  const series = seriesOf(result, `burst ${calls}`);
  const own = series.find(({ name }) => name === "tsfn");
  if (own === undefined) return undefined;
  const nodes = series.find(({ name }) => name === "plain nodes");
  const faster = nodes === undefined ? "" : `, Node processes after ${seconds(lastOf(nodes))}`;
  return drawLines({
    title: `${calls} cold calls at once: tsfn has answered all after ${seconds(lastOf(own))}${faster}`,
    subtitle:
      "Every call gets a container of its own. Dashed: as fast as the kernel can fork C programs into such containers.",
    x: { name: "seconds after the first call", format: (ms) => digits(ms / 1_000) },
    y: { name: "calls answered", format: digits },
    lines: series.map(
      ({ name, points }): Line => ({
        name,
        points,
        colour: colourOf.get(name) ?? colours.ink,
        dashed: name === "floor",
      }),
    ),
  });
}

function lastOf({ points }: Series): number {
  return points.at(-1)?.[0] ?? Number.NaN;
}

function seconds(ms: number): string {
  return `${digits(Number((ms / 1_000).toPrecision(2)))} s`;
}
