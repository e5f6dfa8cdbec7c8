// tsfn ps: the running instances of all functions, one row each. Their namespaces, cgroups and limits are in --json.

import type { Command } from "commander";
import type { InstanceDescription } from "../../../runtime/index.ts";
import type { InstanceList } from "../answers.ts";
import { contextOf, withExamples } from "../context.ts";
import { type Column, formatAge, formatBytes, formatMs, table } from "../terminal.ts";

export function configure(command: Command): void {
  command.action(async () => list(command));
  withExamples(command, [
    ["tsfn ps", "state, pid, age, memory and cpu of every instance"],
    ["tsfn ps --json", "with namespaces, cgroups, limits and layers"],
    ["watch tsfn ps", "keep looking"],
  ]);
}

async function list(command: Command): Promise<void> {
  const { output, client } = contextOf(command);
  const answer = await client().json<InstanceList>({ method: "GET", path: "/v1/instances" });
  output.document(answer);
  if (answer.instances.length === 0)
    return output.note("No instance is running: functions start when they are called.");
  output.lines(table(instanceColumns, answer.instances));
}

export const instanceColumns: readonly Column<InstanceDescription>[] = [
  { title: "INSTANCE", value: ({ id }) => id },
  { title: "FUNCTION", value: (row) => `${row.function}@${row.version}` },
  { title: "STATE", value: ({ state }) => state },
  { title: "PID", value: ({ sandbox }) => String(sandbox?.pid ?? "-"), align: "right" },
  { title: "AGE", value: ({ ageMs }) => formatAge(ageMs), align: "right" },
  { title: "SERVED", value: ({ served }) => String(served), align: "right" },
  { title: "MEMORY", value: ({ usage }) => (usage === null ? "-" : formatBytes(usage.memoryBytes)), align: "right" },
  { title: "CPU", value: ({ usage }) => (usage === null ? "-" : formatMs(usage.cpuUs / 1000)), align: "right" },
];
