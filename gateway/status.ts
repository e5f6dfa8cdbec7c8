// How a TsfnError becomes an HTTP answer: the RFC 9457 document and the headers that go with it. The catalogue of
// codes and statuses is runtime/errors.ts.

import { STATUS_CODES } from "node:http";
import { TsfnError, toProblem } from "../runtime/errors.ts";

export interface ProblemParts {
  readonly status: number;
  /** Names and values alternating. */
  readonly headers: readonly string[];
  readonly body: string;
}

/** What a client is told to wait when the thrower did not say. */
const defaultRetryAfterS = 1;

export function problemParts(error: TsfnError): ProblemParts {
  const shown = withoutInternals(error);
  const body = `${JSON.stringify(toProblem(shown))}\n`;
  const { status } = shown;
  const headers = ["Content-Type", "application/problem+json", "Content-Length", String(Buffer.byteLength(body))];
  const { requestId, version, retryAfterS } = shown.fields;
  if (requestId !== undefined) headers.push("X-Request-Id", requestId);
  if (version !== undefined) headers.push("X-Tsfn-Version", String(version));
  if (status === 429 || status === 503) headers.push("Retry-After", String(wholeSeconds(retryAfterS)));
  if (status === 405) headers.push("Allow", "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
  return { status, headers, body };
}

/** For the admin API, whose routes speak in fetch's Response. */
export function problemResponse(error: TsfnError): Response {
  const { status, headers, body } = problemParts(error);
  const response = new Response(body, { status });
  for (let at = 0; at + 1 < headers.length; at += 2) response.headers.set(headers[at] ?? "", headers[at + 1] ?? "");
  return response;
}

/** For a socket that has no ServerResponse: the request could not be parsed. The connection ends after it. */
export function problemBytes(error: TsfnError): string {
  const { status, headers, body } = problemParts(error);
  const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`];
  for (let at = 0; at + 1 < headers.length; at += 2) lines.push(`${headers[at]}: ${headers[at + 1]}`);
  return `${lines.join("\r\n")}\r\nDate: ${new Date().toUTCString()}\r\nConnection: close\r\n\r\n${body}`;
}

/** The error with what only its place in the gateway knows; its own fields win. */
export function withContext(error: TsfnError, context: { requestId: string; function?: string }): TsfnError {
  const merged = new TsfnError(error.code, error.message, { ...context, ...error.fields });
  if (error.stack !== undefined) merged.stack = error.stack;
  return merged;
}

/** The message of an unexpected error may name files and addresses; it belongs in the log only. */
function withoutInternals(error: TsfnError): TsfnError {
  if (error.code !== "INTERNAL") return error;
  const { requestId } = error.fields;
  const where = requestId === undefined ? "" : ` under request id ${requestId}`;
  return new TsfnError("INTERNAL", `An unexpected error; the server's log has it${where}`, error.fields);
}

function wholeSeconds(retryAfterS: number | undefined): number {
  return retryAfterS === undefined ? defaultRetryAfterS : Math.max(1, Math.ceil(retryAfterS));
}
