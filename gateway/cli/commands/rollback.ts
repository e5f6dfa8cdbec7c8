// tsfn rollback: makes an older version of a function the live one, once it has proven that it still starts.

import type { Command } from "commander";
import type { RolledBack } from "../answers.ts";
import { contextOf, countArgument, functionPath, withExamples } from "../context.ts";
import { formatMs } from "../terminal.ts";

export function configure(command: Command): void {
  command
    .argument("<name>", "the function")
    .argument("[version]", "its number (default: the newest before the live one)", countArgument)
    .action(async (name: string, version: number | undefined) => rollBack(name, version, command));
  withExamples(command, [
    ["tsfn rollback hello", "to the version before"],
    ["tsfn rollback hello 3", "to a certain one, older or newer"],
    ["tsfn rollback hello --json", "what was live and what is, as JSON"],
  ]);
}

async function rollBack(name: string, version: number | undefined, command: Command): Promise<void> {
  const { output, client } = contextOf(command);
  const query = version === undefined ? "" : `?version=${version}`;
  const result = await client().json<RolledBack>({ method: "POST", path: functionPath(name, `/rollback${query}`) });
  output.document(result);
  output.line(`${result.name}@${result.version}`);
  output.note(
    result.unchanged
      ? `${result.name}@${result.version} was live already.`
      : `${result.name}@${result.previous} was live; warm-up took ${formatMs(result.warmMs)}.`,
  );
}
