// An answer that a program streams over the Runtime API, once it is complete: its bytes are the body, after a head where the
// content type says that there is one. What broke it off comes in trailers.

import { Buffer } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { BadResponse, describe } from "../failure.ts";
import type { ResponseLike } from "./handler.ts";
import { headPairs } from "./lambda-event.ts";
import { readReport } from "./runtime-error.ts";

// Taken before the function's code runs, which may put its own in place.
const { Response } = globalThis;

const withHead = "application/vnd.awslambda.http-integration-response";
const headEnd = Buffer.alloc(8);

export function isStreamed({ headers }: IncomingMessage): boolean {
  return headers["lambda-runtime-function-response-mode"] === "streaming";
}

/** `body` has been read from `request`. @throws RuntimeError of a trailer, BadResponse */
export function streamedAnswer({ headers, trailers }: IncomingMessage, body: Buffer): ResponseLike {
  const type = trailers["lambda-runtime-function-error-type"];
  if (type !== undefined) {
    const report = Buffer.from(trailers["lambda-runtime-function-error-body"] ?? "", "base64");
    throw readReport({ "lambda-runtime-function-error-type": type }, report);
  }
  const contentType = headers["content-type"] ?? "application/octet-stream";
  if (contentType !== withHead) return answer(200, [["content-type", contentType]], body);
  const at = body.indexOf(headEnd);
  if (at < 0) throw new BadResponse(`a stream of type ${withHead} has no head; wanted JSON and eight zero bytes first`);
  const { statusCode = 200, ...head } = parseHead(body.subarray(0, at).toString());
  if (typeof statusCode !== "number") {
    throw new BadResponse(`statusCode is ${describe(statusCode)}; wanted a number`);
  }
  return answer(statusCode, headPairs(head), body.subarray(at + headEnd.length));
}

interface Head {
  readonly statusCode?: unknown;
  readonly headers?: unknown;
  readonly cookies?: unknown;
}

function parseHead(text: string): Head {
  try {
    return Object(JSON.parse(text)) as Head;
  } catch (cause) {
    throw new BadResponse(`the head of a stream is no JSON: ${(cause as Error).message}`, { cause });
  }
}

function answer(status: number, headers: [string, string][], body: Buffer): ResponseLike {
  return { status, headers, body: body.length === 0 ? null : new Response(Uint8Array.from(body)).body };
}
