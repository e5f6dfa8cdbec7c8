// All charts of a result, as SVG by file name. What the result does not hold has no chart.

import { digits } from "../report/figures.ts";
import type { Result } from "../report/result.ts";
import { drawBurst } from "./burst.ts";
import { drawColdStarts } from "./cold-starts.ts";
import { drawLatencies } from "./latencies.ts";
import { drawMemory } from "./memory.ts";
import { drawWaterfall } from "./waterfall.ts";

export function drawCharts(result: Pick<Result, "scenarios">): Map<string, string> {
  const charts: readonly (readonly [file: string, svg: string | undefined])[] = [
    ["cold-starts.svg", drawColdStarts(result)],
    ["cold-start.svg", drawColdStart(result)],
    ["burst-100.svg", drawBurst(result, 100)],
    ["burst-500.svg", drawBurst(result, 500)],
    ["warm-latency.svg", drawLatencies(result)],
    ["memory.svg", drawMemory(result)],
  ];
  return new Map(charts.filter((chart): chart is [string, string] => chart[1] !== undefined));
}

function drawColdStart({ scenarios }: Pick<Result, "scenarios">): string | undefined {
  const coldStart = scenarios.find(({ report }) => report?.coldStart !== undefined)?.report?.coldStart;
  if (coldStart === undefined) return undefined;
  const { totalMs, stages } = coldStart;
  return drawWaterfall(`Where the ${digits(totalMs)} ms of a cold call go`, stages, totalMs);
}
