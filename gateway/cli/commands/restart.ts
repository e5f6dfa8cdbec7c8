// tsfn restart: retires the instances of a function, so that its next call is a cold start. What is in flight is
// answered first.

import type { Command } from "commander";
import { contextOf, functionPath, withExamples } from "../context.ts";

export function configure(command: Command): void {
  command
    .argument("<name>", "the function")
    .option("--zygote", "also replace the process that its instances are forked from")
    .action(async (name: string, options: RestartOptions) => restart(name, options, command));
  withExamples(command, [
    ["tsfn restart hello", "the next call starts afresh"],
    ["tsfn restart hello --zygote", "its code is loaded afresh, too"],
    ["tsfn restart hello && time tsfn invoke hello", "see what a cold start takes"],
  ]);
}

interface RestartOptions {
  readonly zygote?: boolean;
}

async function restart(name: string, { zygote = false }: RestartOptions, command: Command): Promise<void> {
  const { output, client } = contextOf(command);
  await client().json<void>({ method: "POST", path: functionPath(name, `/restart?zygote=${zygote}`) });
  output.document({ name, restarted: true, zygote });
  output.line(name);
  output.note(`Its instances ${zygote ? "and its zygote " : ""}are retired; the next call is a cold start.`);
}
