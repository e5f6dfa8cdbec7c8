// What a function threw, as the text that goes to the logs: paths relative to the function's directory, without the
// frames of the guest and of Node that its author did not write.

import { sep } from "node:path";
import { pathToFileURL } from "node:url";
import { inspect } from "node:util";
import { type Failure, limits } from "../wire/index.ts";

// Taken before the function's code runs, which may put its own in place.
const NativeAggregateError = globalThis.AggregateError;

const ownUrl = import.meta.url;
/** Of one error that stands for several. */
const mostParts = 10;

/** What came back cannot be sent; the message says why and what was wanted. */
export class BadResponse extends Error {
  override readonly name = "BadResponse";
}

/** Of whatever was thrown, also of what throws when it is looked at. */
export function failureOf(thrown: unknown): Failure {
  try {
    if (!isErrorLike(thrown)) return failure("threw", "Error", `a value that is no Error: ${contents(thrown)}`);
    const name = text(thrown.name, "Error");
    const message = text(thrown.message, "");
    return failure("threw", name, message, storyOf(thrown, new Set()));
  } catch (why) {
    return failure("threw", "Error", `a value that cannot be looked at: ${why instanceof Error ? why.message : "?"}`);
  }
}

export function badResponse(message: string): Failure {
  return failure("badResponse", "TypeError", message);
}

/** One line about a value of any kind, for a message. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return JSON.stringify(value.slice(0, 200));
  if (typeof value !== "object" && typeof value !== "function") return String(value);
  return typeof value === "function" ? "a function" : `an object of class ${text(value.constructor?.name, "Object")}`;
}

function failure(kind: Failure["kind"], name: string, message: string, stack = `${name}: ${message}`): Failure {
  const most = limits.maxFailureLength;
  return { kind, name: name.slice(0, most), message: message.slice(0, most), stack: stack.slice(0, most) };
}

/** Its stack, and below it those of what it stands for and of its causes; of each once. */
function storyOf(error: ErrorLike, seen: Set<unknown>): string {
  seen.add(error);
  const { name, message, stack, cause } = error;
  const own = tidyStack(text(stack, `${text(name, "Error")}: ${text(message, "")}`));
  const parts = error instanceof NativeAggregateError ? partsOf(error.errors, seen) : "";
  if (cause === undefined || seen.has(cause)) return own + parts;
  return `${own}${parts}\nCaused by: ${isErrorLike(cause) ? storyOf(cause, seen) : describe(cause)}`;
}

function partsOf(errors: readonly unknown[], seen: Set<unknown>): string {
  const told = errors.slice(0, mostParts).filter((part) => !seen.has(part));
  const stories = told.map((part) => `\nOne of several: ${isErrorLike(part) ? storyOf(part, seen) : describe(part)}`);
  return stories.join("") + (errors.length > mostParts ? `\n${errors.length - mostParts} more` : "");
}

function contents(value: unknown): string {
  if (typeof value !== "object" || value === null) return describe(value);
  return inspect(value, { breakLength: Number.POSITIVE_INFINITY });
}

function tidyStack(stack: string): string {
  const lines = stack.split("\n").filter((line) => !line.includes(ownUrl) && !/^\s+at .*\(?node:internal\//.test(line));
  const directory = workingDirectory();
  if (directory === null) return lines.join("\n");
  return lines
    .join("\n")
    .replaceAll(`${pathToFileURL(directory).href}/`, "")
    .replaceAll(directory + sep, "");
}

/** null: the function has gone to another, and taken it away. */
function workingDirectory(): string | null {
  try {
    return process.cwd();
  } catch {
    return null;
  }
}

interface ErrorLike {
  readonly name?: unknown;
  readonly message?: unknown;
  readonly stack?: unknown;
  readonly cause?: unknown;
}

/** Errors of another realm (node:vm) are errors too. */
function isErrorLike(value: unknown): value is ErrorLike {
  return typeof value === "object" && value !== null && (value instanceof Error || "stack" in value);
}

function text(value: unknown, otherwise: string): string {
  return typeof value === "string" ? value : otherwise;
}
