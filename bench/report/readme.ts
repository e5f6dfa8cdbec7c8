// Writes a result into the documentation: README.md's and docs/performance.md's blocks between their marks, and the charts
// in docs/measured. So every figure there can be traced to one result, and none is typed by hand.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { drawCharts } from "../charts/index.ts";
import type { Measure } from "../report.ts";
import { summarize } from "../statistics.ts";
import { withUnit } from "./figures.ts";
import { scoreboardTable } from "./markdown.ts";
import { missed } from "./metrics.ts";
import type { Result } from "./result.ts";
import { machineLine } from "./text.ts";

const charts = "docs/measured";

/** @param root of the project. @throws Error when a page has no marks, before anything is written. */
export function writeReadme(root: string, result: Result): void {
  const drawn = drawCharts(result);
  const pages = [
    [join(root, "README.md"), readmeBlock(result, drawn)],
    [join(root, "docs/performance.md"), performanceBlock(result, drawn)],
  ] as const;
  const written = pages.map(([path, block]) => [path, replaceBlock(path, readFileSync(path, "utf8"), block)] as const);
  for (const [path, content] of written) writeFileSync(path, content);
  const directory = join(root, charts);
  mkdirSync(directory, { recursive: true });
  for (const name of readdirSync(directory)) if (!drawn.has(name)) rmSync(join(directory, name));
  for (const [name, svg] of drawn) writeFileSync(join(directory, name), svg);
}

const [begin, end] = ["<!-- measured: written by `npm run bench -- --readme` -->", "<!-- /measured -->"];

export function replaceBlock(path: string, page: string, block: readonly string[]): string {
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`cannot write the figures into ${path}: wanted ${begin} and ${end}`);
  return `${page.slice(0, from + begin.length)}\n${block.join("\n")}\n${page.slice(to)}`;
}

function readmeBlock(result: Result, drawn: ReadonlyMap<string, string>): string[] {
  const open = missed(result);
  return [
    "",
    ...image(drawn, "cold-starts.svg", charts, "Cold starts compared"),
    "| | tsfn | compared with, in the same run |",
    "| --- | --- | --- |",
    ...rows.flatMap((row) => rowText(result, row)),
    "",
    `${origin(result)} ${open.length === 0 ? "Every target is met" : `${open.length} of its targets are missed`}:`,
    "[docs/performance.md](docs/performance.md) lists them all, with charts and how to read the numbers.",
    "",
  ];
}

function performanceBlock(result: Result, drawn: ReadonlyMap<string, string>): string[] {
  return [
    "",
    origin(result),
    "",
    ...scoreboardTable(result),
    "",
    ...[...drawn.keys()].flatMap((name) => image(drawn, name, "measured", name.replace(".svg", ""))),
  ];
}

function image(drawn: ReadonlyMap<string, string>, name: string, folder: string, about: string): string[] {
  return drawn.has(name) ? [`![${about}](${folder}/${name})`, ""] : [];
}

function origin({ startedAt, commit, quick, machine }: Result): string {
  const first = quick ? " (`--quick`: a first look, not to be relied on)" : "";
  return `Measured ${startedAt.slice(0, 10)} at commit ${commit}${first} on ${machineLine(machine)}.`;
}

interface Row {
  readonly told: string;
  readonly measure: string;
  /** The scenarios whose references are named; the first is the one that has tsfn's. */
  readonly scenarios: readonly [string, ...string[]];
  readonly own: string;
  /** Which references, and how they are called there. */
  readonly references: readonly (readonly [name: RegExp, told: string])[];
}

const warmPeers = [
  [/^node:http/, "`node:http`"],
  [/^nginx/, "nginx → node"],
  [/^workerd/, "workerd"],
] as const;

const rows: readonly Row[] = [
  {
    told: "cold start, to the first byte",
    measure: "wall",
    scenarios: ["cold", "containers", "vm"],
    own: "function zygote",
    references: [
      [/^bare node/, "`node`, no isolation"],
      [/^runc/, "`runc run`"],
      [/^docker/, "`docker run`"],
      [/restore/i, "VM restored"],
      [/\bboot/i, "VM booted"],
    ],
  },
  {
    told: "100 cold calls at once, a container each",
    measure: "last first byte",
    scenarios: ["burst"],
    own: "100 own instance",
    references: [[/^100 plain nodes/, "100 Node processes"]],
  },
  {
    told: "create, one call, destroy, on and on",
    measure: "calls",
    scenarios: ["churn", "containers"],
    own: "tsfn",
    references: [[/^L3/, "a C program in the same sandbox"]],
  },
  {
    told: "warm call, one at a time",
    measure: "one at a time, p50",
    scenarios: ["warm"],
    own: "tsfn",
    references: warmPeers,
  },
  {
    told: "warm calls, 32 connections",
    measure: "32 at a time",
    scenarios: ["warm"],
    own: "tsfn",
    references: warmPeers,
  },
  {
    told: "one more idle instance",
    measure: "pss + kernel",
    scenarios: ["memory"],
    own: "one more instance",
    references: [[/^plain node/, "a Node process"]],
  },
];

/** Nothing when tsfn's figure was not measured. */
function rowText({ scenarios: outcomes }: Result, { told, measure, scenarios, own, references }: Row): string[] {
  const subjects = scenarios.flatMap(
    (scenario) => outcomes.find(({ name }) => name === scenario)?.report?.subjects ?? [],
  );
  const ownMeasure = subjects.find(({ name }) => name === own)?.measures.find(({ name }) => name === measure);
  if (ownMeasure === undefined) return [];
  const others = references.flatMap(([pattern, called]) => {
    const found = subjects.find(({ name, reference }) => reference === true && pattern.test(name));
    const same = found?.measures.find(({ name, unit }) => name === measure && unit === ownMeasure.unit);
    const shown = same ?? found?.measures[0];
    if (found === undefined || shown === undefined) return [];
    return [`${called}${found.name.includes("tcg") ? " (emulated)" : ""} ${medianOf(shown)}`];
  });
  return [`| ${told} | **${medianOf(ownMeasure)}** | ${others.join(" · ")} |`];
}

/** In the unit that people would say. */
function medianOf({ samples, unit }: Measure): string {
  const { p50 } = summarize(samples);
  if (unit === "ms" && p50 >= 1_000) return withUnit(p50 / 1_000, "s");
  if (unit === "KiB" && p50 >= 1_024) return withUnit(p50 / 1_024, "MiB");
  return withUnit(p50, unit);
}
