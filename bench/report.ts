// How results are shown: the machine, a table with one row per subject, the claims of docs/performance with what was
// found, and what was and was not timed.

import type { Machine } from "./machine.ts";
import { type Ratio, summarize } from "./statistics.ts";

export interface Report {
  readonly title: string;
  /** The pool, and what was done in advance. */
  readonly setup: readonly string[];
  readonly subjects: readonly Subject[];
  readonly claims: readonly Claim[];
  readonly notes: readonly string[];
}

/** What was measured: tsfn in one of its ways, a peer, or a floor. */
export interface Subject {
  readonly name: string;
  readonly measures: readonly Measure[];
}

export interface Measure {
  readonly name: string;
  readonly unit: "ms" | "µs" | "MiB" | "KiB" | "/s" | "";
  readonly samples: readonly number[];
}

/** A target, as a ratio to something measured in the same run. */
export interface Claim {
  readonly text: string;
  readonly ratio: Ratio;
  readonly wanted: { readonly atMost: number } | { readonly atLeast: number };
}

export function isMet({ ratio, wanted }: Claim): boolean {
  return "atMost" in wanted ? ratio.value <= wanted.atMost : ratio.value >= wanted.atLeast;
}

export function render(machine: Machine, { title, setup, subjects, claims, notes }: Report): string {
  const { cpu, cores, memoryGib, kernel, node } = machine;
  const lines = [
    title,
    `${cores} × ${cpu}, ${memoryGib} GiB, Linux ${kernel}, Node ${node}`,
    ...setup,
    "",
    ...table(subjects),
    "",
    ...claims.map(sentence),
    ...notes,
  ];
  return `${lines.join("\n")}\n`;
}

/** One column per measure, in the order of first appearance; a cell is p50 and p99. */
function table(subjects: readonly Subject[]): string[] {
  const names = [...new Set(subjects.flatMap(({ measures }) => measures.map(({ name }) => name)))];
  const width = 3 + Math.max(0, ...subjects.map(({ name }) => name.length));
  const row = (first: string, cells: readonly string[]) =>
    `${first.padEnd(width)}${cells.map((cell) => cell.padStart(26)).join("")}`.trimEnd();
  return [
    row(
      "p50 / p99",
      names.map((name) => name),
    ),
    ...subjects.map(({ name, measures }) =>
      row(
        name,
        names.map((column) => cellOf(measures.find((measure) => measure.name === column))),
      ),
    ),
  ];
}

function cellOf(measure: Measure | undefined): string {
  if (measure === undefined) return "";
  const { p50, p99, count } = summarize(measure.samples);
  const unit = measure.unit === "" ? "" : ` ${measure.unit}`;
  return count === 1 ? `${digits(p50)}${unit}` : `${digits(p50)} / ${digits(p99)}${unit}`;
}

function sentence(claim: Claim): string {
  const { text, ratio, wanted } = claim;
  const { value, low, high } = ratio;
  const target = "atMost" in wanted ? `at most ${wanted.atMost}` : `at least ${wanted.atLeast}`;
  return `${isMet(claim) ? "met   " : "missed"} ${text}: ${digits(value)} (${digits(low)}…${digits(high)}), wanted ${target}`;
}

/** Three significant ones are all that a shared machine is good for. */
function digits(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(value >= 1_000 ? 4 : 3))) : "none";
}
