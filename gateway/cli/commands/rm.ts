// tsfn rm: removes functions with all their versions. Every name is tried, and every failure told.

import type { Command } from "commander";
import { asTsfnError, TsfnError } from "../../../runtime/errors.ts";
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
  const paths = new Map(names.map((name) => [name, functionPath(name)]));
  const removed: string[] = [];
  const failures: unknown[] = [];
  for (const [name, path] of paths) {
    try {
      await server.json<void>({ method: "DELETE", path });
      removed.push(name);
      output.line(name);
    } catch (thrown) {
      failures.push(thrown);
    }
  }
  if (failures.length > 0) throw asOne(failures);
  output.document({ removed });
}

/** The first, with the others as further problems. */
function asOne(failures: readonly unknown[]): unknown {
  if (failures.length === 1) return failures[0];
  const errors = failures.map(asTsfnError);
  const problems = errors.map(({ message }) => ({ message }));
  const [first] = errors;
  const message = problems.map((problem) => problem.message).join("; ");
  return new TsfnError(first?.code ?? "INTERNAL", message, {
    problems,
    ...(first !== undefined && { hint: first.hint }),
    cause: failures[0],
  });
}
