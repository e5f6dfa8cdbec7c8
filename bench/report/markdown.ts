// A result as a page: the scoreboard, the charts, and for each scenario what was measured and how.

import { type Claim, isMet, type Subject } from "../report.ts";
import { digits, figure, target } from "./figures.ts";
import { scoreboard } from "./metrics.ts";
import type { Result } from "./result.ts";
import { firstLine, machineLine } from "./text.ts";

/** @param charts file names beside the page; @param comparison with an earlier result, as text */
export function markdown(result: Result, charts: Iterable<string>, comparison: string | undefined): string {
  const { startedAt, commit, quick, machine, scenarios } = result;
  const lines = [
    `# tsfn at ${commit}, measured ${startedAt.slice(0, 10)}`,
    "",
    ...(quick ? ["**A first look (`--quick`): too few rounds to rely on.**", ""] : []),
    `${machineLine(machine)}; load ${digits(machine.loadBefore)} before the first scenario.`,
    "",
    ...scoreboardTable(result),
    "",
    ...[...charts].flatMap((file) => [`![${file.replace(".svg", "")}](${file})`, ""]),
    ...(comparison === undefined ? [] : ["## Compared", "", "```", comparison.trimEnd(), "```", ""]),
    ...scenarios.flatMap(({ name, durationS, report, error }) =>
      report === undefined
        ? [`## ${name}`, "", `Failed after ${Math.round(durationS)} s:`, "", "```", (error ?? "").trimEnd(), "```", ""]
        : [
            `## ${name}`,
            "",
            `${report.title} (${Math.round(durationS)} s)`,
            "",
            ...report.setup.map((sentence) => `- ${sentence.trim()}`),
            "",
            ...subjectTable(report.subjects),
            "",
            ...report.notes.map((sentence) => `> ${sentence.trim()}  `),
            "",
          ],
    ),
  ];
  return `${lines.join("\n").trimEnd()}\n`;
}

/** Every target, met or missed, and what was not measured. */
export function scoreboardTable(result: Pick<Result, "scenarios">): string[] {
  const failed = result.scenarios.filter(({ error }) => error !== undefined);
  return [
    "| | found | wanted | |",
    "| --- | --- | --- | --- |",
    ...scoreboard(result).flatMap(({ metric, about, claims }) =>
      claims.length === 0 ? [`| ${metric} ${about} | | | not measured |`] : claims.map(claimRow),
    ),
    ...failed.map(({ name, error }) => `| ${name} | | | failed: ${cell(firstLine(error))} |`),
  ];
}

function claimRow(claim: Claim): string {
  const { text, ratio } = claim;
  const found = `${digits(ratio.value)} (${digits(ratio.low)}…${digits(ratio.high)})`;
  return `| ${cell(text)} | ${found} | ${target(claim)} | ${isMet(claim) ? "met" : "**missed**"} |`;
}

function subjectTable(subjects: readonly Subject[]): string[] {
  return [
    "| | | median (95 % interval), p99 |",
    "| --- | --- | --- |",
    ...subjects.flatMap(({ name, measures }) =>
      measures.map(
        (measure, index) => `| ${index === 0 ? cell(name) : ""} | ${cell(measure.name)} | ${figure(measure)} |`,
      ),
    ),
  ];
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
