// tsfn inspect: one function with its versions, limits and instances as a tree; everything there is with --json.

import type { Command } from "commander";
import type { InstanceDescription } from "../../../runtime/index.ts";
import type { InspectedFunction } from "../answers.ts";
import { contextOf, functionPath, withExamples } from "../context.ts";
import { fields, formatAge, formatBytes, formatMs, formatNetwork, formatPrefork } from "../terminal.ts";

export function configure(command: Command): void {
  command.argument("<name>", "the function").action(async (name: string) => inspect(name, command));
  withExamples(command, [
    ["tsfn inspect hello", "versions, limits and instances"],
    ["tsfn inspect hello --json", "everything, as one JSON document"],
    ["tsfn inspect hello --json | jq .instanceList[].sandbox.namespaces", "the namespaces of its instances"],
  ]);
}

async function inspect(name: string, command: Command): Promise<void> {
  const { output, client } = contextOf(command);
  const found = await client().json<InspectedFunction>({ method: "GET", path: functionPath(name) });
  output.document(found);
  output.lines([...describeFunction(found), ...found.instanceList.flatMap(describeInstance)]);
}

function describeFunction({
  current,
  prefork,
  versions,
  layers,
  url,
  routes,
  instanceList,
}: InspectedFunction): string[] {
  const { limits, scaling, concurrency, reuse, env, network, runtime } = current.manifest;
  return [
    `${current.function}@${current.number}`,
    ...fields([
      ["  url", url],
      ["  routes", routes.join(", ") || "none"],
      ["  deployed", `${current.createdAt} (${formatAge(Date.now() - Date.parse(current.createdAt))} ago)`],
      ["  size", formatBytes(current.sizeBytes)],
      ["  runtime", `${runtime}, reuse ${reuse}, concurrency ${concurrency}`],
      ["  prefork", formatPrefork(prefork)],
      ["  memory", formatBytes(limits.memoryBytes)],
      ["  cpus", String(limits.cpus)],
      ["  timeout", formatMs(limits.timeoutMs)],
      ["  disk", formatBytes(limits.diskBytes)],
      ["  pids", String(limits.pids)],
      ["  body", formatBytes(limits.bodyBytes)],
      ["  scaling", `${scaling.min} to ${scaling.max}, idle for ${formatMs(scaling.idleTimeoutMs)}`],
      ["  network", formatNetwork(network)],
      // Names only: values may be what the reader of a screen should not see.
      ["  env", Object.keys(env).join(", ") || "none"],
      ["  versions", versions.map(({ number }) => number).join(", ")],
      ["  layers", layers.map((digest) => digest.slice(0, 12)).join(", ")],
      ["  instances", String(instanceList.length)],
    ]),
  ];
}

function describeInstance({ id, version, state, ageMs, served, sandbox, usage }: InstanceDescription): string[] {
  const head = `  └ ${id}  version ${version}, ${state}, ${formatAge(ageMs)} old, ${served} served`;
  if (sandbox === null) return [head];
  const namespaces = Object.entries(sandbox.namespaces).map(([kind, inode]) => `${kind} ${inode ?? "-"}`);
  return [
    head,
    ...fields([
      ["      pid", String(sandbox.pid ?? "-")],
      ["      uids", `from ${sandbox.uidBase}`],
      ["      namespaces", namespaces.join(", ")],
      ["      cgroups", sandbox.cgroups.join(", ")],
      ...(usage === null
        ? []
        : ([
            ["      memory", `${formatBytes(usage.memoryBytes)}, peak ${formatBytes(usage.memoryPeakBytes)}`],
            ["      cpu", formatMs(usage.cpuUs / 1000)],
          ] as const)),
    ]),
  ];
}
