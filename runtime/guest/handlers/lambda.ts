// The lambda shape: `export const handler = async (event, context) => …`, as AWS calls it on Node 24 and later: promises
// and response streams, no callbacks.

import type { Handler, IncomingCall, ResponseLike } from "./handler.ts";
import { answerOf, eventOf } from "./lambda-event.ts";
import { type InvokeApiCall, invokeApiCall, payloadAnswer, payloadOf } from "./lambda-invoke.ts";
import { isStreamed, ResponseStream } from "./lambda-stream.ts";
import { type Callee, LoadError, property } from "./module.ts";

const region = () => process.env.AWS_REGION ?? "us-east-1";

/** null when the module exports no `handler`. @throws LoadError for one that wants a callback */
export function lambdaHandler(module: unknown): Handler | null {
  const handler = property(module, "handler") ?? property(property(module, "default"), "handler");
  if (typeof handler !== "function") return null;
  const callee: Callee = (...args) => Reflect.apply(handler, module, args);
  if (isStreamed(handler)) return { shape: "lambda", answer: (call) => answerStreaming(callee, call) };
  if (handler.length > 2) {
    throw new LoadError(
      `handler takes ${handler.length} arguments: callbacks are gone since Node 24 on Lambda. Write\n` +
        "  export const handler = async (event, context) => { … return result; };",
    );
  }
  return { shape: "lambda", answer: (call) => answerWhole(callee, call) };
}

/** What a Lambda function finds in its environment, from what every function finds there. */
export function lambdaEnvironment(env: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const { TSFN_FUNCTION_NAME = "", TSFN_FUNCTION_VERSION = "", TSFN_MEMORY_MB = "" } = env;
  return {
    _HANDLER: "index.handler",
    LAMBDA_TASK_ROOT: "/app",
    AWS_REGION: "us-east-1",
    AWS_LAMBDA_FUNCTION_NAME: TSFN_FUNCTION_NAME,
    AWS_LAMBDA_FUNCTION_VERSION: TSFN_FUNCTION_VERSION,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: TSFN_MEMORY_MB,
    ...env,
  };
}

async function answerWhole(handler: Callee, call: IncomingCall): Promise<ResponseLike> {
  const api = invokeApiCall(call);
  if (api === null) return answerOf(await handler(await eventFor(call), contextFor(call, null)));
  return payloadAnswer(await handler(await payloadOf(call), contextFor(call, api)));
}

async function answerStreaming(handler: Callee, call: IncomingCall): Promise<ResponseLike> {
  const { signal } = call.context;
  const api = invokeApiCall(call);
  const stream = new ResponseStream();
  const onAbort = (): void => void stream.destroy(signal.reason as Error);
  signal.addEventListener("abort", onAbort, { once: true });
  stream.once("close", () => signal.removeEventListener("abort", onAbort));
  const event = await (api === null ? eventFor(call) : payloadOf(call));
  const run = async () => {
    try {
      await handler(event, stream, contextFor(call, api));
    } catch (thrown) {
      if (stream.writableFinished) throw thrown;
      stream.destroy(thrown instanceof Error ? thrown : new Error(`the handler threw ${String(thrown)}`));
    }
  };
  // It may go on after its answer.
  call.context.waitUntil(run());
  return await stream.answer;
}

function eventFor(call: IncomingCall) {
  return eventOf(call, call.env.TSFN_FUNCTION_NAME ?? "");
}

/** Of the function that a call over HTTP is for. */
export function arnFor({ env }: IncomingCall): string {
  return `arn:aws:lambda:${region()}:000000000000:function:${env.TSFN_FUNCTION_NAME ?? ""}`;
}

/** https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html */
function contextFor(call: IncomingCall, api: InvokeApiCall | null): Readonly<Record<string, unknown>> {
  const { env, context } = call;
  const functionName = env.TSFN_FUNCTION_NAME ?? "";
  return {
    functionName,
    functionVersion: env.TSFN_FUNCTION_VERSION ?? "",
    invokedFunctionArn: arnFor(call),
    memoryLimitInMB: env.TSFN_MEMORY_MB ?? "",
    awsRequestId: context.requestId,
    logGroupName: `/aws/lambda/${functionName}`,
    logStreamName: env.TSFN_INSTANCE_ID ?? "",
    getRemainingTimeInMillis: () => context.remainingMs(),
    ...api,
  };
}
