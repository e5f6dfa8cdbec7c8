// The lines that scenarios have left for a chart.

import type { Result } from "../report/result.ts";
import type { Series } from "../report.ts";

/** Of all scenarios, in their order. */
export function seriesOf({ scenarios }: Pick<Result, "scenarios">, chart: string): Series[] {
  return scenarios
    .flatMap(({ report }) => report?.series ?? [])
    .filter((series) => series.chart === chart && series.points.length > 0);
}

/** What one more on the x axis adds: the slope of the least squares. */
export function slopeOf({ points }: Pick<Series, "points">): number {
  const mean = (index: 0 | 1) => points.reduce((sum, point) => sum + point[index], 0) / points.length;
  const [x0, y0] = [mean(0), mean(1)];
  const covariance = points.reduce((sum, [x, y]) => sum + (x - x0) * (y - y0), 0);
  return covariance / points.reduce((sum, [x]) => sum + (x - x0) ** 2, 0);
}
