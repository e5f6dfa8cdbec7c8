// tsfn list: the deployed functions, one row each.

import type { Command } from "commander";
import type { FunctionList } from "../answers.ts";
import { contextOf, withExamples } from "../context.ts";
import { formatAge, formatBytes, table } from "../terminal.ts";

export function configure(command: Command): void {
  command.action(async () => list(command));
  withExamples(command, [
    ["tsfn list", "names, versions, instances and URLs"],
    ["tsfn ls --json", "the same as one JSON document"],
    ["tsfn list --server ./admin.sock", "of another server"],
  ]);
}

async function list(command: Command): Promise<void> {
  const { output, client } = contextOf(command);
  const answer = await client().json<FunctionList>({ method: "GET", path: "/v1/functions" });
  output.document(answer);
  if (answer.functions.length === 0) return output.note("No function is deployed. Try: tsfn deploy ./functions/hello");
  output.lines(
    table(
      [
        { title: "NAME", value: (row) => row.function },
        { title: "VERSION", value: (row) => String(row.version), align: "right" },
        { title: "INSTANCES", value: (row) => String(row.starting + row.idle + row.busy), align: "right" },
        { title: "SIZE", value: (row) => formatBytes(row.sizeBytes), align: "right" },
        { title: "AGE", value: (row) => formatAge(Date.now() - Date.parse(row.createdAt)), align: "right" },
        { title: "URL", value: (row) => row.url },
      ],
      answer.functions,
    ),
  );
}
