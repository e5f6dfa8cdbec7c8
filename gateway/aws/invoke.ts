// The recipe of the Invoke API: find the version, read the payload, invoke, answer as Lambda does. The whole answer is
// collected here; stream.ts sends it in parts.

import type { Logger } from "pino";
import type { FunctionVersion } from "../../runtime/catalog/index.ts";
import { asTsfnError } from "../../runtime/errors.ts";
import type { Runtime } from "../../runtime/index.ts";
import type { Answer } from "../../runtime/invocation.ts";
import { now } from "../../runtime/trace.ts";
import { type Exchange, type Exchanges, reasonOf } from "../exchanges.ts";
import type { CallObserver } from "../metrics.ts";
import { type FunctionError, functionErrorOf, responseTooLarge } from "./function-error.ts";
import { type FunctionReference, latest } from "./function-reference.ts";
import { type InvokeOptions, optionsOf, payloadOf, toInvocation } from "./invocation-request.ts";
import { logTail } from "./log-tail.ts";
import { findVersion } from "./versions.ts";

export interface AwsInvokeParts {
  readonly runtime: Runtime;
  readonly exchanges: Exchanges;
  readonly calls: CallObserver;
  readonly log: Logger;
}

/** Lambda's own limit for answers that are not streamed. */
const maxAnswerBytes = 6 * 2 ** 20 + 100;

/** @throws AwsError, TsfnError: what is no fault of the function */
export async function invoke(
  parts: AwsInvokeParts,
  exchange: Exchange,
  reference: FunctionReference,
): Promise<Response> {
  const call = await openCall(parts, exchange, reference);
  if (call.options.type === "DryRun") return new Response(null, { status: 204 });
  if (call.options.type === "Event") {
    beginEvent(parts, call);
    return new Response(null, { status: 202 });
  }
  const outcome = await outcomeOf(parts, call, exchange.signal);
  const headers = new Headers({ "Content-Type": "application/json", "X-Amz-Executed-Version": reference.qualifier });
  if (reference.qualifier !== latest) headers.set("X-Amz-Executed-Version", String(call.version.number));
  if (outcome.failed) headers.set("X-Amz-Function-Error", "Unhandled");
  if (call.options.wantsLogTail)
    headers.set("X-Amz-Log-Result", await logTail(parts.runtime, reference.name, exchange));
  return new Response(Uint8Array.from(outcome.payload), { status: 200, headers });
}

/** A call whose function exists and whose payload is whole. */
export interface Call {
  readonly reference: FunctionReference;
  readonly version: FunctionVersion;
  readonly options: InvokeOptions;
  readonly payload: Buffer;
}

export async function openCall(
  { runtime, exchanges }: AwsInvokeParts,
  exchange: Exchange,
  reference: FunctionReference,
): Promise<Call> {
  const { request } = exchange;
  const options = { ...optionsOf(request), requestId: exchange.requestId };
  if (exchanges.refusal !== null) throw exchanges.refusal;
  const version = findVersion(runtime, reference);
  exchange.welcomeBody();
  return { reference, version, options, payload: await payloadOf(request, version) };
}

/** The head of the answer, counted as a call of the function. @throws AwsError, TsfnError */
export async function answerTo(parts: AwsInvokeParts, call: Call, signal: AbortSignal): Promise<Answer> {
  const { reference, version, options, payload } = call;
  const invocation = toInvocation(reference, version, options, payload, signal);
  const ended = (status: number) => parts.calls.ended(reference.name, status, now() - invocation.acceptedAtMs);
  try {
    const answer = await parts.runtime.invoke(invocation);
    ended(answer.status);
    return answer;
  } catch (thrown) {
    const error = signal.aborted ? reasonOf(signal) : asTsfnError(thrown);
    ended(error.status);
    throw error;
  }
}

interface Outcome {
  readonly failed: boolean;
  readonly payload: Uint8Array;
}

async function outcomeOf(parts: AwsInvokeParts, call: Call, signal: AbortSignal): Promise<Outcome> {
  try {
    const answer = await answerTo(parts, call, signal);
    const payload = await collect(answer.body);
    if (payload === null) return failure(responseTooLarge(maxAnswerBytes));
    return { failed: false, payload };
  } catch (thrown) {
    const { requestId } = call.options;
    const error = functionErrorOf(thrown, { requestId, timeoutMs: call.version.manifest.limits.timeoutMs });
    if (error === null) throw thrown;
    return failure(error);
  }
}

function failure(error: FunctionError): Outcome {
  return { failed: true, payload: Buffer.from(JSON.stringify(error)) };
}

/** null when there is more than Lambda lets through. */
async function collect(body: Answer["body"]): Promise<Uint8Array | null> {
  if (body instanceof Uint8Array) return body.length > maxAnswerBytes ? null : body;
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body ?? []) {
    bytes += chunk.length;
    // Leaving the loop destroys the body, which cancels the invocation.
    if (bytes > maxAnswerBytes) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Nobody waits for it: how it fails is in the server's log. It is kept in memory only, so a restart loses it. */
function beginEvent(parts: AwsInvokeParts, call: Call): void {
  const { reference, options } = call;
  const run = async () => collect((await answerTo(parts, call, new AbortController().signal)).body);
  run().catch((thrown: unknown) => {
    parts.log.warn(
      { err: asTsfnError(thrown), function: reference.name, requestId: options.requestId },
      "an event failed",
    );
  });
}
