// tsfn restart: retires the instances of a function, so that its next call is a cold start. What is in flight is
// answered first.

import type { Command } from "commander";
import { contextOf, functionPath, withExamples } from "../context.ts";

export function configure(command: Command): void {
  command.argument("<name>", "the function").action(async (name: string) => restart(name, command));
  withExamples(command, [
    ["tsfn restart hello", "the next call starts afresh"],
    ["tsfn restart hello --json", "say so as JSON"],
    ["tsfn restart hello && time tsfn invoke hello", "see what a cold start takes"],
  ]);
}

async function restart(name: string, command: Command): Promise<void> {
  const { output, client } = contextOf(command);
  await client().json<void>({ method: "POST", path: functionPath(name, "/restart") });
  output.document({ name, restarted: true });
  output.line(name);
  output.note("Its instances are retired; the next call is a cold start.");
}
