// `npm run bench -- <scenario>`: parses the command line, runs one scenario of scenarios/, prints its table and, if
// asked, writes everything it measured as JSON.

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { describeMachine } from "./machine.ts";
import { type Report, render } from "./report.ts";

export interface ScenarioOptions {
  /** Rounds that count. */
  readonly rounds: number;
}

interface Scenario {
  readonly summary: string;
  run(options: ScenarioOptions): Promise<Report>;
}

const scenarios = new Map<string, Scenario>([
  [
    "cold",
    {
      summary: "cold start by exec, against a bare node on the same bundle",
      run: async (options) => (await import("./scenarios/cold.ts")).runCold(options),
    },
  ],
]);

const usage = `usage: npm run bench -- <scenario> [--repeat n] [--quick] [--json file]

scenarios
${[...scenarios].map(([name, { summary }]) => `  ${name.padEnd(8)}${summary}`).join("\n")}

  --repeat n    rounds that count (default 50)
  --quick       10 rounds, for a first look
  --json file   write machine, samples and summary there as well
`;

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : error}\n`);
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
  const report = await parsed.scenario.run({ rounds: parsed.rounds });
  process.stdout.write(render(machine, report));
  if (parsed.json !== undefined) writeFileSync(parsed.json, `${JSON.stringify({ machine, ...report }, null, 2)}\n`);
  return 0;
}

interface Parsed {
  readonly help: boolean;
  readonly scenario: Scenario;
  readonly rounds: number;
  readonly json: string | undefined;
}

/** A string says what is wrong. */
function parse(args: readonly string[]): Parsed | string {
  let values: { repeat?: string; quick?: boolean; json?: string; help?: boolean };
  let positionals: string[];
  try {
    ({ values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        repeat: { type: "string" },
        quick: { type: "boolean" },
        json: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    }));
  } catch (error) {
    return (error as Error).message;
  }
  const [name = values.help ? "cold" : "", ...rest] = positionals;
  const scenario = scenarios.get(name);
  if (scenario === undefined) return `the scenario is "${name}"; wanted one of ${[...scenarios.keys()].join(", ")}`;
  if (rest.length > 0) return `"${rest[0]}" is one scenario too many; wanted exactly one`;
  const rounds = Number(values.repeat ?? (values.quick ? 10 : 50));
  if (!Number.isSafeInteger(rounds) || rounds < 1)
    return `--repeat is "${values.repeat}"; wanted a whole number from 1`;
  return { help: values.help ?? false, scenario, rounds, json: values.json };
}
