// An invocation of the Invoke API on its way to a function. The guest's lambda shape knows it by headers that only tsfn can
// set (runtime/guest/handlers/lambda-invoke.ts): its body is the event itself. Other shapes see a POST with a JSON body.

import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import type { FunctionVersion } from "../../runtime/catalog/index.ts";
import type { Invocation } from "../../runtime/invocation.ts";
import { now } from "../../runtime/trace.ts";
import { readRequestBody } from "../request-body.ts";
import { isTraceparent, newTraceparent, requestIdOf } from "../request-id.ts";
import { shown } from "../routes.ts";
import { AwsError } from "./aws-error.ts";
import { arnOf, type FunctionReference } from "./function-reference.ts";

export type InvocationType = "RequestResponse" | "Event" | "DryRun";

/** What is said beside the payload. */
export interface InvokeOptions {
  readonly requestId: string;
  readonly type: InvocationType;
  readonly wantsLogTail: boolean;
  /** Base64 of a JSON document, as sent. */
  readonly clientContext: string | null;
  readonly traceparent: string;
}

/** Lambda refuses more. */
const maxClientContextBytes = 3_583;

/** @throws AwsError */
export function optionsOf(request: IncomingMessage): InvokeOptions {
  const { headers } = request;
  const type = single(headers["x-amz-invocation-type"]) ?? "RequestResponse";
  if (type !== "RequestResponse" && type !== "Event" && type !== "DryRun") {
    throw invalid(`X-Amz-Invocation-Type is ${shown(type)}; wanted RequestResponse, Event or DryRun`);
  }
  const logType = single(headers["x-amz-log-type"]) ?? "None";
  if (logType !== "None" && logType !== "Tail") {
    throw invalid(`X-Amz-Log-Type is ${shown(logType)}; wanted None or Tail`);
  }
  const traceparent = single(headers.traceparent);
  return {
    requestId: requestIdOf(request),
    type,
    wantsLogTail: logType === "Tail",
    clientContext: clientContextOf(single(headers["x-amz-client-context"])),
    traceparent: traceparent !== undefined && isTraceparent(traceparent) ? traceparent : newTraceparent(),
  };
}

/** The whole payload; an empty one means an empty object, as on Lambda. @throws AwsError, TsfnError BODY_TOO_LARGE */
export async function payloadOf(request: IncomingMessage, { manifest }: FunctionVersion): Promise<Buffer> {
  const limits = { limitBytes: manifest.limits.bodyBytes, limitName: `limits.body of ${manifest.name}` };
  const payload = await readRequestBody(request, limits);
  if (payload.length === 0) return Buffer.from("{}");
  try {
    JSON.parse(payload.toString());
  } catch (cause) {
    const message = `Could not parse request body into json: ${(cause as Error).message}`;
    throw new AwsError(400, "InvalidRequestContentException", message, { cause });
  }
  return payload;
}

export function toInvocation(
  { name, qualifier }: FunctionReference,
  version: FunctionVersion,
  { requestId, clientContext, traceparent }: InvokeOptions,
  payload: Buffer,
  signal: AbortSignal,
): Invocation {
  const headers = [
    ...["content-type", "application/json", "content-length", String(payload.length)],
    ...["x-request-id", requestId, "traceparent", traceparent],
    ...["x-tsfn-lambda-arn", qualifier === "$LATEST" ? arnOf(name) : arnOf(name, qualifier)],
    ...(clientContext === null ? [] : ["x-tsfn-lambda-client-context", clientContext]),
  ];
  return {
    requestId,
    functionName: name,
    version: version.number,
    method: "POST",
    url: "http://localhost/",
    headers,
    body: Readable.from([payload], { objectMode: false }),
    heldBytes: payload.length + headers.join("").length,
    signal,
    acceptedAtMs: now(),
  };
}

function clientContextOf(sent: string | undefined): string | null {
  if (sent === undefined || sent === "") return null;
  if (sent.length > maxClientContextBytes) {
    throw invalid(`X-Amz-Client-Context has ${sent.length} bytes; wanted at most ${maxClientContextBytes}`);
  }
  try {
    JSON.parse(Buffer.from(sent, "base64").toString());
  } catch (cause) {
    throw new AwsError(400, "InvalidRequestContentException", "Client context must be a valid Base64-encoded JSON.", {
      cause,
    });
  }
  return sent;
}

function single(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function invalid(message: string): AwsError {
  return new AwsError(400, "InvalidParameterValueException", message);
}
