// tsfn stats: what the running instances use, again and again. Cpu is measured between two looks, so the first table comes
// after a moment.

import { setTimeout as pause } from "node:timers/promises";
import type { Command } from "commander";
import type { InstanceDescription } from "../../../runtime/index.ts";
import type { FunctionVersions, InstanceList } from "../answers.ts";
import type { Client } from "../client.ts";
import { contextOf, functionPath, withExamples } from "../context.ts";
import { type Column, formatBytes, table } from "../terminal.ts";

interface StatsOptions {
  readonly stream: boolean;
}

/** One line of `--json` holds one of these for each instance. */
interface InstanceStats {
  readonly function: string;
  readonly version: number;
  readonly instance: string;
  readonly state: InstanceDescription["state"];
  readonly inFlight: number;
  readonly served: number;
  /** Of one cpu since the look before; null when there was none, or the instance is starting or going. */
  readonly cpuPercent: number | null;
  readonly memoryBytes: number | null;
  readonly memoryLimitBytes: number | null;
  readonly pids: number | null;
}

interface Look {
  readonly atMs: number;
  readonly instances: readonly InstanceDescription[];
}

const firstLookMs = 500;
const intervalMs = 1_000;
const clearScreen = "\x1b[H\x1b[J";

export function configure(command: Command): void {
  command
    .argument("[name...]", "functions (default: all)")
    .option("--no-stream", "print once and end")
    .action(async (names: readonly string[], options: StatsOptions) => show(names, options, command));
  withExamples(command, [
    ["tsfn stats", "cpu and memory of every instance, until Ctrl-C"],
    ["tsfn stats hello echo --no-stream", "of two functions, once"],
    ["tsfn stats --json | jq -c .instances[]", "one document a second"],
  ]);
}

async function show(names: readonly string[], { stream }: StatsOptions, command: Command): Promise<void> {
  const { output, client } = contextOf(command);
  const server = client();
  // One that is not deployed has no instances either, and is a mistake.
  for (const name of names)
    await server.json<FunctionVersions>({ method: "GET", path: functionPath(name, "/versions") });
  let before = await look(server, names);
  for (let waitMs = firstLookMs; ; waitMs = intervalMs) {
    await pause(waitMs);
    const after = await look(server, names);
    const rows = compare(before, after);
    before = after;
    output.document({ ts: new Date().toISOString(), instances: rows });
    const clear = stream && process.stdout.isTTY ? clearScreen : "";
    if (!output.json) process.stdout.write(`${clear}${table(columns, rows).join("\n")}\n`);
    if (!stream) return;
  }
}

async function look(server: Client, names: readonly string[]): Promise<Look> {
  const { instances } = await server.json<InstanceList>({ method: "GET", path: "/v1/instances" });
  const wanted = instances.filter((instance) => names.length === 0 || names.includes(instance.function));
  return { atMs: performance.now(), instances: wanted };
}

function compare(before: Look, after: Look): InstanceStats[] {
  const earlier = new Map(before.instances.map((instance) => [instance.id, instance]));
  const elapsedUs = (after.atMs - before.atMs) * 1_000;
  return after.instances.map((now) => {
    const { function: name, version, id, state, inFlight, served, usage, sandbox } = now;
    const then = earlier.get(id)?.usage;
    const isKnown = usage !== null && then !== null && then !== undefined;
    return {
      ...{ function: name, version, instance: id, state, inFlight, served },
      cpuPercent: isKnown ? Math.round(((usage.cpuUs - then.cpuUs) / elapsedUs) * 1_000) / 10 : null,
      memoryBytes: usage?.memoryBytes ?? null,
      memoryLimitBytes: sandbox?.limits.memoryBytes ?? null,
      pids: usage?.pids ?? null,
    };
  });
}

const columns: readonly Column<InstanceStats>[] = [
  { title: "INSTANCE", value: ({ instance }) => instance },
  { title: "FUNCTION", value: (row) => `${row.function}@${row.version}` },
  { title: "STATE", value: ({ state }) => state },
  {
    title: "CPU %",
    value: ({ cpuPercent }) => (cpuPercent === null ? "-" : cpuPercent.toFixed(1)),
    align: "right",
  },
  {
    title: "MEMORY / LIMIT",
    value: ({ memoryBytes, memoryLimitBytes }) =>
      memoryBytes === null || memoryLimitBytes === null
        ? "-"
        : `${formatBytes(memoryBytes)} / ${formatBytes(memoryLimitBytes)}`,
    align: "right",
  },
  { title: "PIDS", value: ({ pids }) => String(pids ?? "-"), align: "right" },
  { title: "SERVED", value: ({ served }) => String(served), align: "right" },
];
