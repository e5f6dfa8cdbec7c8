// What a function threw, as the text that goes to the logs: paths relative to the function's directory, without the
// frames of the guest and of Node that its author did not write.

import { sep } from "node:path";
import { pathToFileURL } from "node:url";
import { type Failure, limits } from "../wire/index.ts";

const ownUrl = import.meta.url;

/** What came back cannot be sent; the message says why and what was wanted. */
export class BadResponse extends Error {
  override readonly name = "BadResponse";
}

export function failureOf(thrown: unknown): Failure {
  if (!isErrorLike(thrown)) return failure("threw", "Error", `a value that is no Error: ${describe(thrown)}`);
  const name = text(thrown.name, "Error");
  const message = text(thrown.message, "");
  const stack = text(thrown.stack, `${name}: ${message}`);
  return failure("threw", name, message, tidyStack(stack) + causeOf(thrown));
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

function tidyStack(stack: string): string {
  const directory = process.cwd();
  return stack
    .split("\n")
    .filter((line) => !line.includes(ownUrl) && !/^\s+at .*\(?node:internal\//.test(line))
    .join("\n")
    .replaceAll(`${pathToFileURL(directory).href}/`, "")
    .replaceAll(directory + sep, "");
}

function causeOf(error: { readonly cause?: unknown }): string {
  const { cause } = error;
  if (cause === undefined) return "";
  return isErrorLike(cause) ? `\nCaused by: ${tidyStack(text(cause.stack, ""))}` : `\nCaused by: ${describe(cause)}`;
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
