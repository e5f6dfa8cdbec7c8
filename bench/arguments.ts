// The benchmark's command line, parsed once. A mistake is told with what was found and what is wanted.

import { parseArgs } from "node:util";
import { scenarios } from "./scenarios/index.ts";

export interface Arguments {
  readonly help: boolean;
  /** Names of scenarios, in the order in which they run. */
  readonly chosen: readonly string[];
  /** undefined: each scenario's own. */
  readonly rounds: number | undefined;
  readonly quick: boolean;
  /** Directory of an earlier result to compare with. */
  readonly against: string | undefined;
  /** Where the result's directory is made. */
  readonly results: string;
  /** Directory of a result to draw and write down in README.md and docs; nothing is measured. */
  readonly readme: string | undefined;
}

const longOnes = [...scenarios].filter(([, { onlyNamed }]) => onlyNamed).map(([name]) => name);

export const usage = `usage: npm run bench [-- <scenario> …] [--quick] [--repeat n] [--against result] [--results directory]
       npm run bench -- --readme result

scenarios (all of them, when none is named)
${[...scenarios].map(([name, { summary, rounds }]) => `  ${name.padEnd(12)}${summary} (${rounds})`).join("\n")}

  --quick       fewer rounds, for a first look in two minutes; without ${longOnes.join(", ")} unless they are named
  --repeat n    rounds that count, seconds of churn, forks of soak; the default is in brackets
  --against r   say what changed beyond noise since the result in this directory
  --results d   make the result's directory there; bench/results by default
  --readme r    write README.md's measured section, docs/performance.md's figures and their charts from a result

examples
  npm run bench                                    # everything, 20 minutes at most
  npm run bench -- cold warm --quick
  npm run bench -- --against bench/results/2026-11-20-183059-0b3f95b
`;

/** A string says what is wrong. */
export function parseArguments(args: readonly string[], defaultResults: string): Arguments | string {
  const parsed = split(args);
  if (typeof parsed === "string") return parsed;
  const { names, values } = parsed;
  const { help = false, quick = false, repeat, against, results = defaultResults, readme } = values;
  const unknown = names.find((name) => !scenarios.has(name));
  if (unknown !== undefined) return `the scenario is "${unknown}"; wanted one of ${[...scenarios.keys()].join(", ")}`;
  const isChosen = (name: string) => (names.length > 0 ? names.includes(name) : !quick || !longOnes.includes(name));
  const chosen = [...scenarios.keys()].filter(isChosen);
  const rounds = repeat === undefined ? undefined : Number(repeat);
  if (rounds !== undefined && (!Number.isSafeInteger(rounds) || rounds < 1))
    return `--repeat is "${repeat}"; wanted a whole number from 1`;
  if (readme !== undefined && names.length > 0) return `--readme measures nothing; wanted no scenario, found ${names}`;
  return { help, chosen, rounds, quick, against, results, readme };
}

type Values = Partial<Record<"repeat" | "against" | "results" | "readme", string> & Record<"quick" | "help", boolean>>;

function split(args: readonly string[]): { readonly names: readonly string[]; readonly values: Values } | string {
  try {
    const { positionals, values } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        repeat: { type: "string" },
        quick: { type: "boolean" },
        against: { type: "string" },
        results: { type: "string" },
        readme: { type: "string" },
        help: { type: "boolean", short: "h" },
      },
    });
    return { names: positionals, values };
  } catch (error) {
    return (error as Error).message;
  }
}
