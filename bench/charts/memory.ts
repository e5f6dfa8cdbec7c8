// The memory slope: what all instances together take, over their number.

import { digits } from "../report/figures.ts";
import type { Result } from "../report/result.ts";
import { drawLines } from "./lines.ts";
import { seriesOf, slopeOf } from "./series.ts";
import { colours } from "./svg.ts";

/** undefined when the result holds no slope. */
export function drawMemory(result: Pick<Result, "scenarios">): string | undefined {
  const series = seriesOf(result, "memory");
  const own = series.find(({ name }) => name === "tsfn");
  if (own === undefined) return undefined;
  const plain = series.find(({ name }) => name !== "tsfn");
  const against = plain === undefined ? "" : `, one more Node process ${digits(slopeOf(plain))} MiB`;
  return drawLines({
    title: `One more idle instance takes ${digits(slopeOf(own))} MiB${against}`,
    subtitle:
      "After one call each; page tables and kernel memory included. Node: what one has for itself, times their number.",
    x: { name: "idle instances", format: digits },
    y: { name: "MiB together", format: digits },
    lines: series.map(({ name, points }) => ({
      name: `${name}: ${digits(slopeOf({ points }))} MiB`,
      points,
      colour: name === "tsfn" ? colours.tsfn : colours.peer,
    })),
  });
}
