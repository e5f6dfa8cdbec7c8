// A result for the terminal: as each scenario ends its table, its claims and its notes, and last the scoreboard.

import type { Machine } from "../machine.ts";
import { type Claim, isMet, type Report, type Subject } from "../report.ts";
import type { Outcome } from "../run-scenario.ts";
import { digits, figure, target } from "./figures.ts";
import { scoreboard } from "./metrics.ts";
import type { Result } from "./result.ts";

export function machineLine({ cpu, cores, memoryGib, kernel, node, cgroups, virtual }: Machine): string {
  const kind = virtual ? ", a virtual machine" : "";
  return `${cores} × ${cpu}, ${memoryGib} GiB${kind}, Linux ${kernel}, cgroups ${cgroups}, Node ${node}`;
}

export function outcomeText({ name, durationS, report, error }: Outcome): string {
  if (report === undefined) return `${name}: failed after ${Math.round(durationS)} s: ${error}\n`;
  return `${reportText(report)}(${name}: ${Math.round(durationS)} s)\n`;
}

export function reportText({ title, setup, subjects, claims, notes }: Report): string {
  return `${[title, ...setup, "", ...table(subjects), "", ...claims.map(claimLine), ...notes].join("\n")}\n`;
}

/** Every target, met or missed; what nothing was found out about; what failed. */
export function scoreboardText(result: Result): string {
  const scored = scoreboard(result);
  const open = scored.filter(({ claims }) => claims.length === 0).map(({ metric }) => metric);
  const failed = result.scenarios.filter(({ error }) => error !== undefined);
  const lines = [
    ...scored.flatMap(({ claims }) => claims.map(claimLine)),
    ...(open.length > 0 ? [`not measured: ${open.join(", ")}`] : []),
    ...failed.map(({ name, error }) => `failed ${name}: ${firstLine(error)}`),
  ];
  return `${lines.join("\n")}\n`;
}

export function claimLine(claim: Claim): string {
  const { text, ratio } = claim;
  const { value, low, high } = ratio;
  return `${isMet(claim) ? "met   " : "missed"} ${text}: ${digits(value)} (${digits(low)}…${digits(high)}), wanted ${target(claim)}`;
}

/** One block for each subject, one line for each measure: a row of many measures is too wide to read. */
function table(subjects: readonly Subject[]): string[] {
  const rows = subjects.flatMap(({ name, measures }) =>
    measures.map((measure, index) => [index === 0 ? name : "", measure.name, figure(measure)] as const),
  );
  const width = (column: 0 | 1) => Math.max(0, ...rows.map((row) => row[column].length));
  const [first, second] = [width(0), width(1)];
  return rows.map(([subject, measure, value]) => `${subject.padEnd(first)}  ${measure.padEnd(second)}  ${value}`);
}

export function firstLine(text = ""): string {
  return text.split("\n", 1)[0] ?? "";
}
