// The recipe of one call: request → Invocation → runtime → Answer → response. Above it are HTTP types, below it none.
// The public listener (server.ts) and the admin socket (admin-socket.ts) come in here with a FunctionRoute.

import type { Readable } from "node:stream";
import type { Logger } from "pino";
import { asTsfnError, type TsfnError } from "../runtime/errors.ts";
import type { Runtime } from "../runtime/index.ts";
import type { Answer, Invocation } from "../runtime/invocation.ts";
import { now } from "../runtime/trace.ts";
import { sendAnswer, sendProblem } from "./answer.ts";
import { type Exchange, type Exchanges, reasonOf } from "./exchanges.ts";
import type { CallObserver } from "./metrics.ts";
import { discardRest, hasBody, openRequestBody } from "./request-body.ts";
import { checkTransferEncoding, functionHeaders } from "./request-headers.ts";
import { type FunctionRoute, functionNotFound } from "./routes.ts";
import type { CallTracing, TracedCall } from "./tracing.ts";
import { carryUpgraded, upgradedBody } from "./upgrade.ts";

export interface InvokeParts {
  readonly runtime: Pick<Runtime, "current" | "invoke">;
  readonly exchanges: Exchanges;
  readonly calls: CallObserver;
  /** null: calls are not traced. */
  readonly tracing: CallTracing | null;
  readonly log: Logger;
}

/** How long a client may take to send what its function did not read, before its connection is closed. */
const discardMs = 10_000;

/** Answers the exchange, whatever happens. Never rejects. */
export async function invoke(parts: InvokeParts, exchange: Exchange, route: FunctionRoute): Promise<void> {
  const bodyLimitBytes = parts.runtime.current(route.name)?.manifest.limits.bodyBytes;
  const trace = bodyLimitBytes === undefined ? undefined : parts.tracing?.begin(tracedCall(exchange, route));
  let answer: Answer | null = null;
  let outcome: number;
  try {
    const invocation = toInvocation(parts, exchange, route, bodyLimitBytes, trace?.traceparent);
    exchange.welcomeBody();
    answer = await parts.runtime.invoke(invocation);
    if (answer.status === 101) await carryUpgraded(exchange, answer);
    else await sendAnswer(exchange, answer);
    outcome = answer.status;
  } catch (thrown) {
    const error = whatEndedIt(exchange, thrown);
    if (error.code === "INTERNAL") parts.log.error({ requestId: exchange.requestId, err: error }, "invocation failed");
    await sendProblem(exchange, error, bodyLimitBytes === undefined ? undefined : route.name);
    outcome = error.status;
  }
  trace?.ended(outcome, answer);
  if (bodyLimitBytes !== undefined) parts.calls.ended(route.name, outcome, now() - exchange.acceptedAtMs);
  const { request } = exchange;
  if (request.complete || exchange.upgrade) return;
  if (!(await discardRest(request, bodyLimitBytes ?? 2 ** 20, discardMs))) request.socket.destroy();
}

function tracedCall({ requestId, request, acceptedAtMs }: Exchange, { name: functionName }: FunctionRoute): TracedCall {
  return { functionName, requestId, request, acceptedAtMs };
}

/** @throws TsfnError for a request that must not reach a function */
function toInvocation(
  { exchanges }: InvokeParts,
  exchange: Exchange,
  route: FunctionRoute,
  bodyLimitBytes: number | undefined,
  traceparent: string | undefined,
): Invocation {
  const { request, requestId } = exchange;
  checkTransferEncoding(request);
  const { authority } = exchange;
  if (exchanges.refusal !== null) throw exchanges.refusal;
  if (bodyLimitBytes === undefined) throw functionNotFound(route.name);
  const body = bodyOf(exchange, route.name, bodyLimitBytes);
  const headers = functionHeaders(request, { requestId, authority, prefix: route.prefix, traceparent });
  if (exchange.upgrade) headers.push("upgrade", "websocket");
  return {
    requestId,
    functionName: route.name,
    method: request.method ?? "GET",
    url: `http://${authority}${route.target}`,
    headers,
    body,
    heldBytes: heldBytes(headers) + (body === null ? 0 : request.readableHighWaterMark),
    signal: exchange.signal,
    acceptedAtMs: exchange.acceptedAtMs,
  };
}

function bodyOf(exchange: Exchange, functionName: string, limitBytes: number): Readable | null {
  if (!exchange.upgrade && !hasBody(exchange.request)) return null;
  const limitName = `limits.body of ${functionName}`;
  const bounds = { limitBytes, limitName, onOverflow: (error: TsfnError) => exchange.abort(error) };
  const body = exchange.upgrade ? upgradedBody(exchange, bounds) : openRequestBody(exchange.request, bounds);
  exchange.signal.addEventListener("abort", () => body?.destroy(reasonOf(exchange.signal)), { once: true });
  return body;
}

/** The exchange's own end comes first: what the runtime then reports is only its consequence. */
function whatEndedIt({ signal }: Exchange, thrown: unknown): TsfnError {
  return signal.aborted ? reasonOf(signal) : asTsfnError(thrown);
}

function heldBytes(headers: readonly string[]): number {
  let bytes = 0;
  for (const text of headers) bytes += text.length;
  return bytes;
}
