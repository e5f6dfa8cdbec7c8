// How results are shown: the machine, a table with one row per contender, the ratios, and what was and was not timed.

import type { Machine } from "./machine.ts";
import { medianRatio, type Ratio, type Summary, summarize } from "./statistics.ts";

export interface Contender {
  readonly name: string;
  readonly wallMs: readonly number[];
  readonly cpuMs: readonly number[];
}

export interface Report {
  readonly title: string;
  /** The first is compared with each of the others. */
  readonly contenders: readonly [Contender, ...Contender[]];
  /** What was done in advance, what is inside the time and what is not. */
  readonly notes: readonly string[];
}

export function render(machine: Machine, { title, contenders, notes }: Report): string {
  const [first, ...others] = contenders;
  const { cpu, cores, memoryGib, kernel, node } = machine;
  const lines = [
    title,
    `${cores} × ${cpu}, ${memoryGib} GiB, Linux ${kernel}, Node ${node}`,
    "",
    row("", "wall p50", "p99", "cpu p50", "p99"),
    ...contenders.map(({ name, wallMs, cpuMs }) => row(name, ...cells(summarize(wallMs)), ...cells(summarize(cpuMs)))),
    "",
    ...others.map(
      (other) =>
        `${first.name} / ${other.name}: ${interval(medianRatio(first.wallMs, other.wallMs))} wall, ` +
        `${interval(medianRatio(first.cpuMs, other.cpuMs))} cpu (medians, 95 % interval)`,
    ),
    ...notes,
  ];
  return `${lines.join("\n")}\n`;
}

function cells({ p50, p99 }: Summary): [string, string] {
  return [`${p50.toFixed(1)} ms`, `${p99.toFixed(1)} ms`];
}

function row(name: string, ...columns: readonly string[]): string {
  return `${name.padEnd(16)}${columns.map((column) => column.padStart(12)).join("")}`;
}

function interval({ value, low, high }: Ratio): string {
  return `${value.toFixed(2)} (${low.toFixed(2)}…${high.toFixed(2)})`;
}
