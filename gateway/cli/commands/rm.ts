// tsfn rm: removes functions with all their versions. Every name is tried; the first failure is the one reported.

import type { Command } from "commander";
import { contextOf, functionPath, withExamples } from "../context.ts";

export function configure(command: Command): void {
  command.argument("<name...>", "the functions").action(async (names: readonly string[]) => remove(names, command));
  withExamples(command, [
    ["tsfn rm hello", "remove a function and all its versions"],
    ["tsfn rm hello echo sleep", "several at once"],
    ["tsfn rm hello --json", "say so as JSON"],
  ]);
}

async function remove(names: readonly string[], command: Command): Promise<void> {
  const { output, client } = contextOf(command);
  const server = client();
  const removed: string[] = [];
  const failures: unknown[] = [];
  for (const name of new Set(names)) {
    try {
      await server.json<void>({ method: "DELETE", path: functionPath(name) });
      removed.push(name);
      output.line(name);
    } catch (thrown) {
      failures.push(thrown);
    }
  }
  if (failures.length > 0) throw failures[0];
  output.document({ removed });
}
