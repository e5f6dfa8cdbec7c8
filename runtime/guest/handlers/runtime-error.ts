// An error that a program reports over the Runtime API, as one that was thrown here: its type, message and stack are the
// program's own. https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html#runtimes-api-invokeerror

import type { IncomingHttpHeaders } from "node:http";

export class RuntimeError extends Error {
  constructor(type: string, message: string, stackTrace: readonly string[]) {
    super(message);
    this.name = type;
    this.stack = [`${type}: ${message}`, ...stackTrace].join("\n");
  }
}

/** `body` is null when it was too long to be read. Whatever it holds makes an error. */
export function readReport(headers: IncomingHttpHeaders, body: Buffer | null): RuntimeError {
  const header = headers["lambda-runtime-function-error-type"];
  const typeSent = typeof header === "string" && header !== "" ? header : undefined;
  if (body === null) return new RuntimeError(typeSent ?? "Unhandled", "the report is too long to be read", []);
  const { errorType, errorMessage, stackTrace } = parse(body.toString());
  const type = typeof errorType === "string" && errorType !== "" ? errorType : (typeSent ?? "Unhandled");
  const trace = Array.isArray(stackTrace) ? stackTrace.map(String) : [];
  return new RuntimeError(type, typeof errorMessage === "string" ? errorMessage : "", trace);
}

interface Report {
  readonly errorType?: unknown;
  readonly errorMessage?: unknown;
  readonly stackTrace?: unknown;
}

/** What is no JSON object is taken as the message. */
function parse(text: string): Report {
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null) return parsed;
  } catch {
    // A shell script may send anything.
  }
  return { errorMessage: text };
}
