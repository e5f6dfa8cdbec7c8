// A result: everything that one run of the benchmark measured, raw samples included, as result.json in a directory of its
// own. `schema` is raised when a reader of older ones would go wrong; docs/performance.md tells what the fields mean.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { machineSchema } from "../machine.ts";
import { reportSchema } from "../report.ts";

const scenario = z
  .object({
    name: z.string(),
    durationS: z.number(),
    /** There is either a report or an error. */
    report: reportSchema.optional(),
    error: z.string().optional(),
  })
  .readonly();

const resultSchema = z
  .object({
    schema: z.literal(1),
    /** ISO 8601, UTC. */
    startedAt: z.string(),
    /** Short, with `-dirty` when files differ from it; `unknown` outside of a repository. */
    commit: z.string(),
    /** A first look, with too few rounds to rely on. */
    quick: z.boolean(),
    machine: machineSchema,
    scenarios: z.array(scenario).readonly(),
  })
  .readonly();

export type Result = z.infer<typeof resultSchema>;

/** In the directory of a result. */
export const resultFile = "result.json";

/** Such as `2026-11-20-183059-0b3f95b`. */
export function directoryName({ startedAt, commit }: Pick<Result, "startedAt" | "commit">): string {
  return `${startedAt.slice(0, 19).replace("T", "-").replaceAll(":", "")}-${commit}`;
}

/** @throws Error when the directory holds no result, or one of another schema. */
export function readResult(directory: string): Result {
  const path = join(directory, resultFile);
  try {
    return resultSchema.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch (cause) {
    const why = cause instanceof z.ZodError ? z.prettifyError(cause) : (cause as Error).message;
    throw new Error(`cannot read ${path}; wanted a result of \`npm run bench\`: ${why}`, { cause });
  }
}

export function writeResult(directory: string, result: Result): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, resultFile), `${JSON.stringify(result)}\n`);
}
