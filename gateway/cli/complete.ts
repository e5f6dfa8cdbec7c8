// Answers what a shell asks while a line is typed (`tsfn complete -- <words>`): commands, options, and the names of functions where
// a command wants one. A shell that asks must not wait and must not see a failure, so a server that does not answer has none.

import type { RootCommand } from "@bomb.sh/tab";
import tab from "@bomb.sh/tab/commander";
import type { Command } from "commander";
import type { FunctionList } from "./answers.ts";
import { contextOf } from "./context.ts";

const patienceMs = 300;
const scriptCommand = "shell-completion";

/** @param program with every command configured @param words after `tsfn`; the last one is being typed */
export async function completeLine(program: Command, words: readonly string[]): Promise<void> {
  const takers = program.commands.filter(({ registeredArguments: [first] }) => first?.name() === "name");
  const known = tab(program, { completionCommandName: scriptCommand });
  // The library's own, which is not a command of ours.
  known.commands.delete(scriptCommand);
  if (takers.some((command) => words.includes(command.name()))) {
    offer(known, takers, await functionNames(program));
  }
  known.parse([...words]);
}

function offer(known: RootCommand, takers: readonly Command[], names: readonly string[]): void {
  for (const command of takers) {
    const variadic = command.registeredArguments[0]?.variadic ?? false;
    const complete = (add: (value: string, description: string) => void) => {
      for (const name of names) add(name, "");
    };
    known.commands.get(command.name())?.argument("name", complete, variadic);
  }
}

async function functionNames(program: Command): Promise<readonly string[]> {
  try {
    const ask = { method: "GET", path: "/v1/functions", signal: AbortSignal.timeout(patienceMs) };
    const { functions } = await contextOf(program).client().json<FunctionList>(ask);
    return functions.map((summary) => summary.function);
  } catch {
    return [];
  }
}
