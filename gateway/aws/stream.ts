// InvokeWithResponseStream: the answer's bytes leave as they come, each in a message of an event stream; the last message
// says how it ended.

import { Readable } from "node:stream";
import type { Answer } from "../../runtime/invocation.ts";
import type { Exchange } from "../exchanges.ts";
import { AwsError } from "./aws-error.ts";
import { eventStreamType, type InvokeComplete, invokeComplete, payloadChunks } from "./event-stream.ts";
import { functionErrorOf } from "./function-error.ts";
import { type FunctionReference, latest } from "./function-reference.ts";
import { type AwsInvokeParts, answerTo, type Call, openCall } from "./invoke.ts";
import { logTail } from "./log-tail.ts";

/** @throws AwsError, TsfnError: what is no fault of the function */
export async function invokeStreaming(
  parts: AwsInvokeParts,
  exchange: Exchange,
  reference: FunctionReference,
): Promise<Response> {
  const call = await openCall(parts, exchange, reference);
  const { type } = call.options;
  if (type === "DryRun") return new Response(null, { status: 204 });
  if (type === "Event") {
    const message = "X-Amz-Invocation-Type is Event; a streamed answer wants RequestResponse or DryRun";
    throw new AwsError(400, "InvalidParameterValueException", message);
  }
  const answer = await headOf(parts, call, exchange.signal);
  const executed = reference.qualifier === latest ? latest : String(call.version.number);
  const headers = { "Content-Type": eventStreamType, "X-Amz-Executed-Version": executed };
  const messages = Readable.from(messagesOf(parts, call, answer, exchange), { objectMode: false });
  return new Response(Readable.toWeb(messages) as ReadableStream<Uint8Array>, { status: 200, headers });
}

/** What the answer begins with: its head, or the function's failure before there was one. */
async function headOf(parts: AwsInvokeParts, call: Call, signal: AbortSignal): Promise<Answer | InvokeComplete> {
  try {
    return await answerTo(parts, call, signal);
  } catch (thrown) {
    const failed = failureOf(thrown, call);
    if (failed === null) throw thrown;
    return failed;
  }
}

async function* messagesOf(
  { runtime }: AwsInvokeParts,
  call: Call,
  answer: Answer | InvokeComplete,
  exchange: Exchange,
): AsyncGenerator<Uint8Array> {
  const end = "status" in answer ? yield* bodyMessages(call, answer) : answer;
  const { options, reference } = call;
  const tail = options.wantsLogTail ? { LogResult: await logTail(runtime, reference.name, exchange) } : {};
  yield invokeComplete({ ...end, ...tail });
}

async function* bodyMessages(call: Call, answer: Answer): AsyncGenerator<Uint8Array, InvokeComplete> {
  try {
    for await (const chunk of chunksOf(answer)) yield* payloadChunks(chunk);
    return {};
  } catch (thrown) {
    const failed = failureOf(thrown, call);
    if (failed === null) throw thrown;
    return failed;
  }
}

function failureOf(thrown: unknown, { options, version }: Call): InvokeComplete | null {
  const { timeoutMs } = version.manifest.limits;
  const error = functionErrorOf(thrown, { requestId: options.requestId, timeoutMs });
  return error === null ? null : { ErrorCode: error.errorType, ErrorDetails: JSON.stringify(error) };
}

function chunksOf({ body }: Answer): AsyncIterable<Uint8Array> | Iterable<Uint8Array> {
  if (body === null) return [];
  return body instanceof Uint8Array ? [body] : body;
}
