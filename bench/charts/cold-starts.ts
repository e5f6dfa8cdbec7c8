// The comparison of cold starts: one row for each way to answer a first call, from the fastest to the slowest, on a
// logarithmic axis, because they are thousands of times apart.

import { digits } from "../report/figures.ts";
import type { Result } from "../report/result.ts";
import type { Subject } from "../report.ts";
import { type Summary, summarize } from "../statistics.ts";
import { logarithmic } from "./scale.ts";
import { colours, draw, element, line, text, top } from "./svg.ts";

interface Row {
  readonly name: string;
  readonly colour: string;
  readonly p50: number;
  readonly p99: number;
  /** Times what tsfn took in the same scenario, in turns with it. */
  readonly factor: number;
}

const ownName = "function zygote";
const scenarios = ["cold", "containers", "vm"];
/** Subjects of `cold` as a newcomer calls them. What is only a part of a cold start is not in the picture. */
const names = new Map<string, string | undefined>([
  ["function zygote", "tsfn: fork of the loaded function"],
  ["runtime zygote", "tsfn: fork of Node, then load"],
  ["exec", "tsfn: start Node in a sandbox"],
  ["bare node (L4)", "node, no isolation"],
  ["L3", "floor: fork of a C program, isolated"],
  ["L1", undefined],
  ["L2", undefined],
  ["L5", undefined],
]);
const size = { width: 860, labels: 275, right: 200, row: 30 } as const;

/** undefined when the result holds no cold start of tsfn. */
export function drawColdStarts(result: Pick<Result, "scenarios">): string | undefined {
  const rows = rowsOf(result);
  const own = rows.find(({ name }) => name.startsWith("tsfn: fork of the loaded"));
  if (own === undefined) return undefined;
  const bottom = top + rows.length * size.row;
  const most = Math.max(...rows.map(({ p99 }) => p99));
  const least = Math.min(...rows.map(({ p50 }) => p50));
  const x = logarithmic([least * 0.8, most * 1.1], [size.labels, size.width - size.right]);
  const title = titleOf(rows, own);
  const emulated = rows.some(({ name }) => name.includes("tcg")) ? " tcg: without KVM." : "";
  const subtitle = `From the call (or the command) to the first byte of the answer. Dot: median, line: to p99.${emulated}`;
  return draw({ width: size.width, height: bottom + 40, title, subtitle }, [
    ...x.ticks.flatMap((ms) => [
      line(x(ms), top - 6, x(ms), bottom),
      text(x(ms), bottom + 20, duration(ms), { "text-anchor": "middle", fill: colours.faint }),
    ]),
    ...rows.flatMap((row, index) => drawRow(row, own, top + (index + 0.5) * size.row, x)),
  ]);
}

function drawRow({ name, colour, p50, p99, factor }: Row, own: Row, y: number, x: (ms: number) => number): string[] {
  const compared =
    factor === 1 ? "" : factor > 1 ? `${digits(round(factor))} × slower` : `${digits(round(1 / factor))} × faster`;
  const weight = name === own.name ? 600 : 400;
  return [
    text(size.labels - 14, y + 4, name, { "text-anchor": "end", "font-weight": weight }),
    line(x(p50), y, x(p99), y, { stroke: colour, "stroke-width": 3, "stroke-opacity": 0.35 }),
    element("circle", { cx: x(p50), cy: y, r: 6, fill: colour }),
    text(size.width - size.right + 20, y + 4, duration(p50), { "font-weight": weight, fill: colour }),
    text(size.width - 20, y + 4, compared, { "text-anchor": "end", fill: colours.faint }),
  ];
}

function rowsOf({ scenarios: outcomes }: Pick<Result, "scenarios">): Row[] {
  const rows = new Map<string, Row>();
  for (const { name: scenario, report } of outcomes) {
    if (!scenarios.includes(scenario)) continue;
    const subjects = report?.subjects ?? [];
    const own = wallOf(subjects.find(({ name }) => name === ownName));
    for (const subject of subjects) {
      const { name, reference } = subject;
      const wall = wallOf(subject);
      const shown = names.has(name) ? names.get(name) : reference === true ? name : undefined;
      if (wall === undefined || own === undefined || shown === undefined || rows.has(shown)) continue;
      const colour = shown.startsWith("tsfn") ? colours.tsfn : shown.startsWith("floor") ? colours.floor : colours.peer;
      rows.set(shown, { name: shown, colour, p50: wall.p50, p99: wall.p99, factor: wall.p50 / own.p50 });
    }
  }
  return [...rows.values()].sort((a, b) => a.p50 - b.p50);
}

function wallOf(subject: Subject | undefined): Summary | undefined {
  const wall = subject?.measures.find(({ name, unit }) => name === "wall" && unit === "ms");
  return wall && summarize(wall.samples);
}

/** Against what most people would use otherwise; as much of it as was measured. */
function titleOf(rows: readonly Row[], own: Row): string {
  const against = [
    ["node", /^node, no isolation$/],
    ["docker run", /^docker/],
    ["a VM", /\bboot/i],
  ] as const;
  const parts = against.flatMap(([told, pattern]) => {
    const row = rows.find(({ name }) => pattern.test(name));
    return row === undefined ? [] : [`${told} ${digits(round(row.factor))} ×`];
  });
  const longer = parts.length === 0 ? "" : `; ${parts.join(", ")} as long`;
  return `A cold call of tsfn takes ${duration(own.p50)}${longer}`;
}

function round(factor: number): number {
  return Number(factor.toPrecision(2));
}

function duration(ms: number): string {
  return ms >= 1_000 ? `${digits(ms / 1_000)} s` : `${digits(ms)} ms`;
}
