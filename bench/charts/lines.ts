// A chart of lines over a common axis, each named where it ends instead of in a legend.

import { linear } from "./scale.ts";
import { colours, draw, element, line, text, top } from "./svg.ts";

export interface Line {
  readonly name: string;
  readonly colour: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Drawn as a bound, not as something that was done. */
  readonly dashed?: boolean;
}

export interface LineChart {
  readonly title: string;
  readonly subtitle: string;
  readonly x: { readonly name: string; readonly format: (value: number) => string };
  readonly y: { readonly name: string; readonly format: (value: number) => string };
  readonly lines: readonly Line[];
}

const size = { width: 860, height: 420, left: 76, right: 190, bottom: 58 };
/** Of a label: what a letter takes at most on average. */
const label = { letter: 9, height: 17 } as const;

export function drawLines({ title, subtitle, x: xAxis, y: yAxis, lines }: LineChart): string {
  const most = (index: 0 | 1) => Math.max(...lines.flatMap(({ points }) => points.map((point) => point[index])));
  const [left, right, bottom] = [size.left, size.width - size.right, size.height - size.bottom];
  const x = linear([0, most(0) * 1.02], [left, right]);
  const y = linear([0, most(1) * 1.05], [bottom, top + 14]);
  const labels = placeLabels(
    lines.map(({ name, points }) => {
      const [endX, endY] = points.at(-1) ?? [0, 0];
      return { x: x(endX) + 8, y: y(endY) + 4, width: name.length * label.letter };
    }),
  );
  return draw({ width: size.width, height: size.height, title, subtitle }, [
    text(left, top, yAxis.name, { fill: colours.faint, "text-anchor": "start" }),
    ...y.ticks.flatMap((value) => [
      line(left, y(value), right, y(value)),
      text(left - 10, y(value) + 4, yAxis.format(value), { "text-anchor": "end", fill: colours.faint }),
    ]),
    ...x.ticks.map((value) =>
      text(x(value), bottom + 20, xAxis.format(value), { "text-anchor": "middle", fill: colours.faint }),
    ),
    text((left + right) / 2, bottom + 42, xAxis.name, { "text-anchor": "middle", fill: colours.faint }),
    ...lines.flatMap(({ name, colour, points, dashed = false }, index) => [
      element("polyline", {
        points: points.map((point) => `${x(point[0]).toFixed(1)},${y(point[1]).toFixed(1)}`).join(" "),
        fill: "none",
        stroke: colour,
        "stroke-width": 2.5,
        "stroke-linejoin": "round",
        ...(dashed && { "stroke-dasharray": "6 5" }),
      }),
      text(labels[index]?.x ?? 0, labels[index]?.y ?? 0, name, { fill: colour, "font-weight": 600 }),
    ]),
  ]);
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

/** Moves labels down until none lies on one before it. */
function placeLabels(wanted: readonly Place[]): Place[] {
  const placed: Place[] = [];
  for (const { x, y, width } of wanted) {
    let free = y;
    const isOn = (other: Place) =>
      x < other.x + other.width && other.x < x + width && Math.abs(other.y - free) < label.height;
    while (placed.some(isOn)) free += 2;
    placed.push({ x, y: free, width });
  }
  return placed;
}
