// `npm run bench -- <names…>`: parses the command line, runs scenarios of scenarios/ one after another, prints their
// tables and, if asked, writes everything they measured as JSON.

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { describeMachine } from "./machine.ts";
import { type Report, render } from "./report.ts";

export interface ScenarioOptions {
  /** Rounds that count, of what each scenario repeats. */
  readonly rounds: number;
  /** A first look: what takes long is cut short. */
  readonly quick: boolean;
  /** File for a picture of one cold start. */
  readonly picture: string | undefined;
}

interface Scenario {
  readonly summary: string;
  readonly rounds: number;
  readonly quickRounds: number;
  run(options: ScenarioOptions): Promise<Report>;
}

const scenarios = new Map<string, Scenario>([
  [
    "cold",
    {
      summary: "one call with no instance alive, against a bare node and the floors",
      rounds: 50,
      quickRounds: 10,
      run: async (options) => (await import("./scenarios/cold.ts")).runCold(options),
    },
  ],
  [
    "burst",
    {
      summary: "many calls at once with no instance alive, against as many bare nodes",
      rounds: 5,
      quickRounds: 1,
      run: async (options) => (await import("./scenarios/burst.ts")).runBurst(options),
    },
  ],
  [
    "churn",
    {
      summary: "create, one call, destroy, for a minute; then the leak audit",
      rounds: 60,
      quickRounds: 5,
      run: async (options) => (await import("./scenarios/churn.ts")).runChurn(options),
    },
  ],
  [
    "warm",
    {
      summary: "calls of an instance that is there: latency of one at a time, throughput of 32",
      rounds: 5,
      quickRounds: 2,
      run: async (options) => (await import("./scenarios/warm.ts")).runWarm(options),
    },
  ],
  [
    "memory",
    {
      summary: "memory of idle instances, by the slope over their number",
      rounds: 1,
      quickRounds: 1,
      run: async (options) => (await import("./scenarios/memory.ts")).runMemory(options),
    },
  ],
  [
    "reset",
    {
      summary: "a fresh writable layer after no file and after 10,000",
      rounds: 50,
      quickRounds: 10,
      run: async (options) => (await import("./scenarios/reset.ts")).runReset(options),
    },
  ],
  [
    "soak",
    {
      summary: "forks that use all of Node, looking for one that crashes or hangs",
      rounds: 10_000,
      quickRounds: 500,
      run: async (options) => (await import("./scenarios/soak.ts")).runSoak(options),
    },
  ],
]);

const usage = `usage: npm run bench -- <scenario> … [--repeat n] [--quick] [--json file] [--picture file]

scenarios
${[...scenarios].map(([name, { summary, rounds }]) => `  ${name.padEnd(8)}${summary} (${rounds})`).join("\n")}

  --repeat n    rounds that count, seconds of churn, forks of soak; the default is in brackets
  --quick       fewer of them, for a first look
  --picture f   draw one cold start as SVG there (cold)
  --json file   write machine, samples and claims there as well
`;

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? (error.stack ?? error.message) : error}\n`);
  process.exitCode = 1;
}

async function main(args: readonly string[]): Promise<number> {
  const parsed = parse(args);
  if (typeof parsed === "string") {
    process.stderr.write(`error: ${parsed}\n\n${usage}`);
    return 2;
  }
  if (parsed.help) {
    process.stdout.write(usage);
    return 0;
  }
  const machine = describeMachine();
  const reports: Report[] = [];
  for (const { run, rounds, quickRounds } of parsed.chosen) {
    const { quick, picture } = parsed;
    const report = await run({ rounds: parsed.rounds ?? (quick ? quickRounds : rounds), quick, picture });
    if (reports.length > 0) process.stdout.write("\n");
    process.stdout.write(render(machine, report));
    reports.push(report);
  }
  if (parsed.json !== undefined) writeFileSync(parsed.json, `${JSON.stringify({ machine, reports }, null, 2)}\n`);
  return 0;
}

interface Parsed {
  readonly help: boolean;
  readonly chosen: readonly Scenario[];
  /** undefined: each scenario's own. */
  readonly rounds: number | undefined;
  readonly quick: boolean;
  readonly json: string | undefined;
  readonly picture: string | undefined;
}

/** A string says what is wrong. */
function parse(args: readonly string[]): Parsed | string {
  let values: { repeat?: string; quick?: boolean; json?: string; picture?: string; help?: boolean };
  let positionals: string[];
  try {
    ({ values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        repeat: { type: "string" },
        quick: { type: "boolean" },
        json: { type: "string" },
        picture: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }));
  } catch (error) {
    return (error as Error).message;
  }
  const { help = false, quick = false, json, picture, repeat } = values;
  const chosen: Scenario[] = [];
  for (const name of positionals) {
    const scenario = scenarios.get(name);
    if (scenario === undefined) return `the scenario is "${name}"; wanted one of ${[...scenarios.keys()].join(", ")}`;
    chosen.push(scenario);
  }
  if (chosen.length === 0 && !help) return `no scenario is given; wanted one of ${[...scenarios.keys()].join(", ")}`;
  const rounds = repeat === undefined ? undefined : Number(repeat);
  if (rounds !== undefined && (!Number.isSafeInteger(rounds) || rounds < 1))
    return `--repeat is "${repeat}"; wanted a whole number from 1`;
  return { help, chosen, rounds, quick, json, picture };
}
