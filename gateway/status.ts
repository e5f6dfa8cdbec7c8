// How a TsfnError becomes an HTTP answer: the RFC 9457 document and the headers that go with it. The catalogue of
// codes and statuses is runtime/errors.ts.

import { STATUS_CODES } from "node:http";
import { type ErrorFields, type TsfnError, toProblem } from "../runtime/errors.ts";

export interface ProblemParts {
  readonly status: number;
  /** Names and values alternating. */
  readonly headers: readonly string[];
  readonly body: string;
}

/** What a client is told to wait when the thrower did not say. */
const defaultRetryAfterS = 1;

/** What only the place of an error in the gateway knows; the error's own fields win. */
export type ProblemContext = Pick<ErrorFields, "requestId" | "function">;

export function problemParts(error: TsfnError, context: ProblemContext = {}): ProblemParts {
  const fields = { ...context, ...error.fields };
  const document = toProblem(error, fields);
  const body = `${JSON.stringify({ ...document, detail: shownDetail(error, fields) })}\n`;
  const { status } = error;
  const headers = ["Content-Type", "application/problem+json", "Content-Length", String(Buffer.byteLength(body))];
  const { requestId, version, retryAfterS } = fields;
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

/** The message of an unexpected error may name files and addresses; it belongs in the log only. */
function shownDetail({ code, message }: TsfnError, { requestId }: ErrorFields): string {
  if (code !== "INTERNAL") return message;
  const where = requestId === undefined ? "" : ` under request id ${requestId}`;
  return `An unexpected error; the server's log has it${where}`;
}

function wholeSeconds(retryAfterS: number | undefined): number {
  return retryAfterS === undefined ? defaultRetryAfterS : Math.max(1, Math.ceil(retryAfterS));
}
