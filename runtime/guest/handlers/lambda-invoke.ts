// Invocations of the AWS Invoke API (gateway/aws/invocation-request.ts): the body is the event itself, and what the function
// returns leaves as JSON. Such a call is known by headers that no client of a public listener can set.

import { Buffer } from "node:buffer";
import { headerOf } from "./flat-headers.ts";
import type { IncomingCall, ResponseLike } from "./handler.ts";

// Taken before the function's code runs, which may put its own in place.
const { Response } = globalThis;

export interface InvokeApiCall {
  /** With the qualifier the caller used. */
  readonly invokedFunctionArn: string;
  readonly clientContext?: unknown;
}

/** null for a call over HTTP, which becomes an event of payload format 2.0. */
export function invokeApiCall({ headers }: IncomingCall): InvokeApiCall | null {
  const invokedFunctionArn = headerOf(headers, "x-tsfn-lambda-arn");
  if (invokedFunctionArn === undefined) return null;
  const sent = headerOf(headers, "x-tsfn-lambda-client-context");
  if (sent === undefined) return { invokedFunctionArn };
  return { invokedFunctionArn, clientContext: JSON.parse(Buffer.from(sent, "base64").toString()) };
}

export async function payloadOf({ body }: IncomingCall): Promise<unknown> {
  const text = body === null ? "" : await new Response(body).text();
  return text === "" ? {} : JSON.parse(text);
}

export function payloadAnswer(result: unknown): ResponseLike {
  return Response.json(result ?? null);
}
