// Why a version did not load, for the one who deploys: the mapped stack and the place in the source it begins at.

import type { FunctionVersion } from "../catalog/index.ts";
import { type Problem, TsfnError } from "../errors.ts";
import type { Failure } from "../wire/index.ts";

/** @param printed the last line that it wrote to stderr; empty when there was none */
export function loadError(version: FunctionVersion, failure: Failure, printed: string): TsfnError {
  const cause = new Error(failure.message);
  cause.name = failure.name;
  cause.stack = failure.stack;
  const { function: name, number } = version;
  const message = `Loading ${name}@${number} failed: ${failure.name}: ${failure.message}`;
  return new TsfnError("LOAD_FAILED", message, {
    function: name,
    version: number,
    cause,
    problems: [problemOf(failure), ...(printed === "" ? [] : [{ message: `its last words: ${printed}` }])],
  });
}

function problemOf(failure: Failure): Problem {
  const message = failure.stack;
  // The first frame inside the function's own directory; the guest has made its paths relative.
  const place = /^ {4}at (?:.* \()?(?!node:|\/|file:)([^()\n]+):(\d{1,9}):(\d{1,9})\)?$/m.exec(failure.stack);
  const [, file, line, column] = place ?? [];
  return file === undefined ? { message } : { message, file, line: Number(line), column: Number(column) };
}

/** What the caller of a function that failed gets: FUNCTION_ERROR or FUNCTION_BAD_RESPONSE, without the function's own words. */
export function callError({ function: name, number }: FunctionVersion, failure: Failure): TsfnError {
  const fields = { function: name, version: number };
  if (failure.kind === "threw") {
    return new TsfnError("FUNCTION_ERROR", `${name}@${number} threw an error while answering`, {
      ...fields,
      thrown: failure,
    });
  }
  const message = `The answer of ${name}@${number} cannot be sent: ${failure.message}`;
  return new TsfnError("FUNCTION_BAD_RESPONSE", message, fields);
}
