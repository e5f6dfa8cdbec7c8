// The builder names places relative to the function's directory; a terminal opens what is relative to its own. This
// turns the former into the latter in an error's problems.

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

export function placed(problem: Problem, dir: string): Problem {
  if (problem.file === undefined || problem.file.startsWith("/")) return problem;
  const path = join(dir, problem.file);
  const shorter = relative(process.cwd(), path);
  return { ...problem, file: shorter.startsWith("..") ? path : shorter };
}
