// tsfn logs: what a function wrote, oldest first, and with -f what it writes from now on, across deployments.

import { createInterface } from "node:readline";
import type { Command } from "commander";
import { contextOf, countArgument, functionPath, withExamples } from "../context.ts";
import { formatRecord, parseRecord } from "../log-line.ts";

interface LogsOptions {
  readonly follow?: boolean;
  readonly tail: number;
}

export function configure(command: Command): void {
  command
    .argument("<name>", "the function")
    .option("-f, --follow", "wait for more, until Ctrl-C")
    .option("-n, --tail <count>", "how many of the last records to show first", countArgument, 100)
    .action(async (name: string, options: LogsOptions) => logs(name, options, command));
  withExamples(command, [
    ["tsfn logs hello", "the last 100 records"],
    ["tsfn logs hello -f -n 10", "the last 10, then follow"],
    ["tsfn logs hello --json | jq -r .msg", "records as NDJSON"],
  ]);
}

async function logs(name: string, { follow = false, tail }: LogsOptions, command: Command): Promise<void> {
  const { output, client } = contextOf(command);
  const path = functionPath(name, `/logs?tail=${tail}&follow=${follow}`);
  const response = await client().stream({ method: "GET", path });
  for await (const line of createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line === "") continue;
    // JSON escapes control characters by itself, so the line may pass as it came.
    if (output.json) process.stdout.write(`${line}\n`);
    else output.line(formatRecord(parseRecord(line), process.stdout));
  }
}
