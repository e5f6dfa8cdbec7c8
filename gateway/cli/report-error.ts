// How a failure looks: a block of four lines (what failed, why, how to fix it, where to read more), or the problem
// document with `--json`. A manifest with several mistakes gets a line for each. tsfnd prints the same block, and
// server/ reads it back from a server that did not start.

import {
  asTsfnError,
  catalogue,
  type ErrorCode,
  isErrno,
  type Problem,
  TsfnError,
  toProblem,
} from "../../runtime/errors.ts";
import { neutralise, styled } from "./terminal.ts";

/** Prints the failure and returns the exit code that belongs to it. */
export function reportError(thrown: unknown, { json }: { readonly json: boolean }): number {
  const error = isErrno(thrown, "ECONNRESET") ? cutOff(thrown) : asTsfnError(thrown);
  if (json) process.stdout.write(`${JSON.stringify(toProblem(error))}\n`);
  else process.stderr.write(`${errorBlock(error).map(paint).join("\n")}\n`);
  if (error.code === "INTERNAL" && process.env.TSFN_DEBUG && error.cause instanceof Error) {
    process.stderr.write(`${error.cause.stack}\n`);
  }
  return catalogue[error.code].exitCode;
}

/** As reportError, of stdout itself: stderr tells it, with --json too. */
export function reportLostOutput(cause: Error): number {
  const message = `stdout took no more: ${cause.message}; wanted it to take the whole output`;
  return reportError(new TsfnError("OUTPUT_FAILED", message, { cause }), { json: false });
}

export function errorBlock(error: TsfnError): string[] {
  const { title } = catalogue[error.code];
  const problems = error.fields.problems ?? [];
  const reasons = problems.length > 0 ? problems.map((problem) => `  ${formatProblem(problem)}`) : [why(error.message)];
  // Ready to be copied, where the function is known.
  const hint = error.hint.replace("<name>", error.fields.function ?? "<name>");
  return [`error: ${title}`, ...reasons, `fix:   ${hint}`, `docs:  docs/errors.md#${error.code}`].map(neutralise);
}

/** The error that a block printed by another process of ours was made from; null when it is no such block. */
export function parseErrorBlock(text: string): TsfnError | null {
  const match = /^error: .*\nwhy: {3}([\s\S]*?)\nfix: {3}(.*)\ndocs: {2}\S*#([A-Z_]+)$/m.exec(text);
  const [, message, hint, code] = match ?? [];
  if (message === undefined || hint === undefined || !isErrorCode(code)) return null;
  return new TsfnError(code, message.replaceAll(`\n${indent}`, "\n"), { hint });
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(catalogue, code);
}

export function formatProblem({ file, line, column, message, hint }: Problem): string {
  const place = [file, line, column].filter((part) => part !== undefined).join(":");
  const lines = message.split("\n");
  const saying = lines.filter((line) => !/^\s+at /.test(line));
  const said = saying.join(`\n${indent}`);
  // Of an error that was thrown, what and where; its whole stack is in the document of --json.
  if (saying.length < lines.length && saying.length === 1 && place !== "") return `${said}, at ${place}`;
  return `${place}${place === "" ? "" : " "}${said}${hint === undefined ? "" : ` (${hint})`}`;
}

/** The head of an answer had arrived, so the client could not know. */
function cutOff(cause: unknown): TsfnError {
  return new TsfnError("SERVER_UNREACHABLE", "the connection broke in the middle of an answer", { cause });
}

const indent = "       ";

/** A stack has several lines; they belong to the one reason. */
function why(message: string): string {
  return `why:   ${message.trimEnd().replaceAll("\n", `\n${indent}`)}`;
}

function paint(line: string): string {
  const label = /^(?:error|why|fix|docs):/.exec(line)?.[0];
  if (label === undefined) return line;
  return styled(label === "error:" ? ["red", "bold"] : "dim", label) + line.slice(label.length);
}
