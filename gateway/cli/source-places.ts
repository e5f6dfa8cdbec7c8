// The builder names places relative to the function's directory; a terminal opens what is relative to its own. This
// turns the former into the latter in an error's problems.

import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { asTsfnError, type Problem, TsfnError } from "../../runtime/errors.ts";

/** Rethrows with every place as the reader can open it. */
export async function inDirectory(dir: string, thrown: unknown): Promise<never> {
  const error = asTsfnError(thrown);
  const { problems } = error.fields;
  if (problems === undefined) throw error;
  throw new TsfnError(error.code, error.message, {
    ...error.fields,
    problems: problems.map((problem) => placed(problem, dir)),
    cause: error.cause,
  });
}

/** As inDirectory, of what the server says. A module that is no function is wrong where it begins to export. */
export async function inModule({ dir, entry }: ModulePlace, thrown: unknown): Promise<never> {
  const error = asTsfnError(thrown);
  const { problems } = error.fields;
  if (error.code !== "LOAD_FAILED" || problems === undefined) return await inDirectory(dir, error);
  // It was bundled a moment ago; one that has gone meanwhile has no place.
  const text = await readFile(join(dir, entry), "utf8").catch(() => "");
  const before = /^[\s\S]*?(?=^export\b)/m.exec(text)?.[0];
  const firstExport = before === undefined ? {} : { line: before.split("\n").length, column: 1 };
  const all = problems.map((problem) => ({
    file: entry,
    ...(problem.file === undefined && problem.message.startsWith("LoadError: ") && firstExport),
    ...problem,
  }));
  return await inDirectory(dir, new TsfnError(error.code, error.message, { ...error.fields, problems: all }));
}

interface ModulePlace {
  readonly dir: string;
  readonly entry: string;
}

export function placed(problem: Problem, dir: string): Problem {
  if (problem.file === undefined || problem.file.startsWith("/")) return problem;
  const path = join(dir, problem.file);
  const shorter = relative(process.cwd(), path);
  return { ...problem, file: shorter.startsWith("..") ? path : shorter };
}
