// tsfn logs: what a function wrote, oldest first, and with -f what it writes from now on, across deployments.

import { createInterface } from "node:readline";
import { type Command, InvalidArgumentError, Option } from "commander";
import { parseMoment, wantedMoment } from "../../moment.ts";
import { contextOf, functionPath, wholeArgument, withExamples } from "../context.ts";
import { formatRecord, parseRecord } from "../log-line.ts";

interface LogsOptions {
  readonly follow?: boolean;
  readonly tail: number;
  readonly since?: string;
  readonly level?: string;
  readonly instance?: string;
  readonly request?: string;
}

const levels = ["debug", "info", "warn", "error"];

export function configure(command: Command): void {
  command
    .argument("<name>", "the function")
    .option("-f, --follow", "wait for more, until Ctrl-C")
    .option("-n, --tail <count>", "how many of the last records to show first", wholeArgument, 100)
    .option(
      "--since <time>",
      "not older than a duration such as 10m, or a date such as 2026-01-31T12:00:00Z",
      sinceArgument,
    )
    .addOption(new Option("--level <level>", "this severe or more").choices(levels))
    .option("--instance <id>", "of one instance; the beginning of its id is enough")
    .option("--request <id>", "of one request, by its X-Request-Id")
    .action(async (name: string, options: LogsOptions) => logs(name, options, command));
  withExamples(command, [
    ["tsfn logs hello --since 10m --level warn", "what went wrong lately"],
    ["tsfn logs hello -f -n 10", "the last 10, then follow"],
    ["tsfn logs hello --json | jq -r .msg", "records as NDJSON"],
  ]);
}

async function logs(name: string, options: LogsOptions, command: Command): Promise<void> {
  const { output, client } = contextOf(command);
  const { follow = false, tail, ...filter } = options;
  const query = new URLSearchParams({ tail: String(tail), follow: String(follow) });
  for (const key of ["since", "level", "instance", "request"] as const) {
    if (filter[key] !== undefined) query.set(key, filter[key]);
  }
  const path = functionPath(name, `/logs?${query}`);
  const response = await client().stream({ method: "GET", path });
  for await (const line of createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line === "") continue;
    // JSON escapes control characters by itself, so the line may pass as it came.
    if (output.json) process.stdout.write(`${line}\n`);
    else output.line(formatRecord(parseRecord(line), process.stdout));
  }
}

/** As it was typed: what it names is counted by the server's clock. */
function sinceArgument(text: string): string {
  if (parseMoment(text, Date.now()) !== null) return text;
  throw new InvalidArgumentError(`is "${text}"; wanted ${wantedMoment}`);
}
