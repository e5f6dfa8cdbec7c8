// tsfn versions: every published version of a function, the newest first; the live one is marked.

import type { Command } from "commander";
import type { FunctionVersions } from "../answers.ts";
import { contextOf, functionPath, withExamples } from "../context.ts";
import { formatAge, formatBytes, table } from "../terminal.ts";

export function configure(command: Command): void {
  command.argument("<name>", "the function").action(async (name: string) => list(name, command));
  withExamples(command, [
    ["tsfn versions hello", "numbers, ages, sizes and digests"],
    ["tsfn versions hello --json", "with their manifests, as one JSON document"],
    ["tsfn versions hello && tsfn rollback hello 3", "look, then go back to one"],
  ]);
}

async function list(name: string, command: Command): Promise<void> {
  const { output, client } = contextOf(command);
  const answer = await client().json<FunctionVersions>({ method: "GET", path: functionPath(name, "/versions") });
  output.document(answer);
  output.lines(
    table(
      [
        { title: "VERSION", value: ({ number }) => String(number), align: "right" },
        { title: "LIVE", value: ({ number }) => (number === answer.live ? "*" : "") },
        { title: "SIZE", value: ({ sizeBytes }) => formatBytes(sizeBytes), align: "right" },
        { title: "AGE", value: ({ createdAt }) => formatAge(Date.now() - Date.parse(createdAt)), align: "right" },
        { title: "DIGEST", value: ({ layer }) => layer.slice(0, 12) },
      ],
      [...answer.versions].reverse(),
    ),
  );
}
