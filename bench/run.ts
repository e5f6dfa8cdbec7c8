// `npm run bench`: runs the scenarios one after another, each in a process of its own, and writes down what they found, with
// charts, in a directory of its own. What one of them cannot measure is said in the report; the others still count.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { now } from "../runtime/trace.ts";
import { type Arguments, parseArguments, usage } from "./arguments.ts";
import { drawCharts } from "./charts/index.ts";
import { removeLeftovers } from "./leftovers.ts";
import { describeCommit, describeMachine } from "./machine.ts";
import { compare, comparisonText } from "./report/compare.ts";
import { markdown } from "./report/markdown.ts";
import { writeReadme } from "./report/readme.ts";
import { directoryName, type Result, readResult, writeResult } from "./report/result.ts";
import { machineLine, outcomeText, scoreboardText } from "./report/text.ts";
import { type Outcome, runScenario } from "./run-scenario.ts";
import { scenarios } from "./scenarios/index.ts";

/** Of all scenarios together. One that would begin later is not run. */
const limitS = 20 * 60;

const print = (text: string) => void process.stdout.write(text);

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? (error.stack ?? error.message) : error}\n`);
  process.exitCode = 1;
}

async function main(args: readonly string[]): Promise<number> {
  const parsed = parseArguments(args, join(import.meta.dirname, "results"));
  if (typeof parsed === "string") {
    process.stderr.write(`error: ${parsed}\n\n${usage}`);
    return 2;
  }
  if (parsed.help) {
    print(usage);
    return 0;
  }
  if (parsed.readme !== undefined) {
    writeReadme(join(import.meta.dirname, ".."), readResult(parsed.readme));
    return 0;
  }
  // A wrong directory is told now, not when everything is measured.
  const then = parsed.against === undefined ? undefined : readResult(parsed.against);
  const result = await measure(parsed);
  const directory = join(parsed.results, directoryName(result));
  // First of all what took so long.
  writeResult(directory, result);
  const charts = drawCharts(result);
  for (const [name, svg] of charts) writeFileSync(join(directory, name), svg);
  const comparison = then && comparisonText(compare(result, then), parsed.against ?? "");
  writeFileSync(join(directory, "report.md"), markdown(result, charts.keys(), comparison));
  print(`${scoreboardText(result)}\n${comparison ?? ""}${directory}\n`);
  return result.scenarios.every(({ report }) => report !== undefined) ? 0 : 1;
}

async function measure({ chosen, rounds, quick }: Arguments): Promise<Result> {
  await removeLeftovers();
  const machine = describeMachine();
  const begun = { startedAt: new Date().toISOString(), commit: describeCommit(), quick, machine };
  print(`${machineLine(machine)}\n\n`);
  const interruption = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => interruption.abort());
  const endAtMs = now() + limitS * 1_000;
  const outcomes: Outcome[] = [];
  for (const name of chosen) {
    const outcome = await runWithin(name, (endAtMs - now()) / 1_000, { rounds, quick, signal: interruption.signal });
    outcomes.push(outcome);
    print(`${outcomeText(outcome)}\n`);
  }
  return { schema: 1, ...begun, scenarios: outcomes };
}

async function runWithin(
  name: string,
  leftS: number,
  { rounds, quick, signal }: Pick<Arguments, "rounds" | "quick"> & { readonly signal: AbortSignal },
): Promise<Outcome> {
  const scenario = scenarios.get(name);
  if (scenario === undefined) throw new Error(`there is no scenario "${name}"`);
  if (signal.aborted) return { name, durationS: 0, error: "not run: interrupted" };
  if (leftS < 1) return { name, durationS: 0, error: `not run: the others took ${limitS} s` };
  return await runScenario(name, {
    rounds: rounds ?? (quick ? scenario.quickRounds : scenario.rounds),
    quick,
    limitS: Math.min(scenario.limitS, leftS),
    signal,
  });
}
