// Writes a function's Answer, or the problem document that stands for it, so that the client's framing holds whatever
// the function said: its head is rebuilt here, never relayed raw. invoke.ts decides which of the two is written.

import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { TsfnError } from "../runtime/errors.ts";
import type { Answer, AnswerTiming } from "../runtime/invocation.ts";
import { type Exchange, reasonOf } from "./exchanges.ts";
import { discardRest } from "./request-body.ts";
import { connectionOptions, isHopByHop } from "./request-headers.ts";
import { problemParts } from "./status.ts";

/** A client that takes nothing of an answer for so long has left without saying so. */
const stallMs = 60_000;

/** Copying more than this costs more than a second piece. */
const textBelowBytes = 16_384;

/** What is still read of a refused request, so that its answer is not lost to a reset of the connection. */
const linger = { maxBytes: 16 * 2 ** 20, maxMs: 3_000 };

/** Resolves when the whole answer was handed to the kernel. @throws TsfnError; then the head may have been sent. */
export async function sendAnswer(exchange: Exchange, answer: Answer): Promise<void> {
  const { response, signal } = exchange;
  const { body } = answer;
  if (!(body instanceof Readable)) return sendWhole(exchange, answer, body);
  if (!carriesBody(exchange, answer.status)) {
    body.destroy();
    return sendWhole(exchange, answer, null);
  }
  // An error is thrown to us by what reads the body; between two reads nobody else would hear it.
  body.on("error", () => {});
  const cancel = (): void => void body.destroy(reasonOf(signal));
  signal.addEventListener("abort", cancel, { once: true });
  try {
    if (signal.aborted) cancel();
    const { chunk, complete } = await buffered(body);
    writeHead(exchange, answer, complete ? (chunk?.length ?? 0) : null);
    if (complete) return await ended(response, chunk, signal);
    await stream(body, chunk, response, signal);
  } finally {
    signal.removeEventListener("abort", cancel);
    body.destroy();
  }
}

/** Most answers are one write, which the kernel takes at once; then there is nothing to wait for. */
async function sendWhole(exchange: Exchange, answer: Answer, body: Buffer | null): Promise<void> {
  const { response, signal } = exchange;
  const whole = carriesBody(exchange, answer.status) ? body : null;
  writeHead(exchange, answer, whole === null ? bodilessLength(exchange, answer) : whole.length);
  // As text it leaves in one piece with the head; as a Buffer it would be a second one.
  if (whole !== null && whole.length <= textBelowBytes) response.end(whole.toString("latin1"), "latin1");
  else response.end(whole ?? undefined);
  if (response.socket?.writableLength !== 0) await finished(response, signal);
}

/** Answers with the error's document, or breaks the connection when the head of another answer has left. */
export async function sendProblem(exchange: Exchange, error: TsfnError, functionName?: string): Promise<void> {
  const { request, response, requestId } = exchange;
  if (response.headersSent || error.code === "CLIENT_CLOSED") return breakOff(response);
  const context = functionName === undefined ? { requestId } : { requestId, function: functionName };
  const { status, headers, body } = problemParts(error, context);
  const sendsStill = error.code === "BODY_TOO_LARGE" && !request.complete && !exchange.awaitsContinue;
  if (sendsStill || error.code === "REQUEST_MALFORMED") response.shouldKeepAlive = false;
  response.writeHead(status, [...headers]);
  if (!sendsStill) {
    response.end(body);
    return;
  }
  // The client has its answer with this write. Ending the response closes the connection, which must not happen while
  // the client still sends: its kernel would drop the answer on the reset.
  response.write(request.method === "HEAD" ? "" : body);
  await discardRest(request, linger.maxBytes, linger.maxMs);
  response.end();
}

/** What the caller waited for; of a cold start also its steps, as parts of `init`. */
function serverTiming({ queueMs, initMs, execMs, startSteps }: AnswerTiming): string {
  let text = `queue;dur=${shown(queueMs)}, init;dur=${shown(initMs)}, exec;dur=${shown(execMs)}`;
  for (const { name, durationMs } of startSteps ?? []) text += `, init-${name};dur=${shown(durationMs)}`;
  return text;
}

function shown(ms: number): string {
  return ms === 0 ? "0.00" : ms.toFixed(2);
}

function writeHead(exchange: Exchange, answer: Answer, lengthBytes: number | null): void {
  if (answer.status < 200 || answer.status > 599) throw badHead(answer, `its status is ${answer.status}`);
  const head = clientHeaders(answer.headers);
  head.push("X-Request-Id", exchange.requestId, "X-Tsfn-Version", String(answer.version));
  head.push("Server-Timing", serverTiming(answer.timing));
  if (answer.cold) head.push("X-Tsfn-Cold", "1");
  if (answer.status === 429 || answer.status === 503) head.push(...retryAfter(answer.headers));
  if (lengthBytes !== null) head.push("Content-Length", String(lengthBytes));
  try {
    exchange.response.writeHead(answer.status, head);
  } catch (cause) {
    throw badHead(answer, (cause as Error).message, cause);
  }
}

function badHead({ version }: Answer, why: string, cause?: unknown): TsfnError {
  return new TsfnError("FUNCTION_BAD_RESPONSE", `The head of the function's response is invalid: ${why}`, {
    version,
    cause,
  });
}

/** The function's headers without what belongs to the connection, what the gateway writes, and lengths it may lie about. */
export function clientHeaders(headers: readonly string[]): string[] {
  const named = connectionOptions(headers);
  const kept: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? "";
    const lower = name.toLowerCase();
    if (isHopByHop(lower) || named.has(lower) || lower.startsWith("x-tsfn-")) continue;
    if (lower === "content-length" || lower === "x-request-id") continue;
    kept.push(name, headers[at + 1] ?? "");
  }
  return kept;
}

function retryAfter(headers: readonly string[]): string[] {
  return headers.some((text, at) => at % 2 === 0 && text.toLowerCase() === "retry-after") ? [] : ["Retry-After", "1"];
}

function carriesBody({ request }: Exchange, status: number): boolean {
  return request.method !== "HEAD" && status !== 204 && status !== 304;
}

/** An answer to HEAD may say how long the body of GET would be; 204 and 304 say nothing; else the body is empty. */
function bodilessLength(exchange: Exchange, answer: Answer): number | null {
  if (carriesBody(exchange, answer.status)) return 0;
  if (exchange.request.method !== "HEAD" || answer.status === 204 || answer.status === 304) return null;
  const at = answer.headers.findIndex((text, index) => index % 2 === 0 && text.toLowerCase() === "content-length");
  const declared = at === -1 ? undefined : answer.headers[at + 1];
  return declared !== undefined && /^\d{1,15}$/.test(declared) ? Number(declared) : null;
}

/**
 * What has arrived of the body by now, and whether that is all. Most answers arrive whole together with their head, and
 * leave in one write with their length.
 */
async function buffered(body: Readable): Promise<{ chunk: Buffer | undefined; complete: boolean }> {
  if (body.errored !== null) throw body.errored;
  const chunk: Buffer | null = body.read();
  // `end` is emitted on the next tick after the last byte was read, before what is queued behind it here.
  await new Promise<void>((resolve) => process.nextTick(resolve));
  return { chunk: chunk ?? undefined, complete: body.readableEnded };
}

async function stream(
  body: Readable,
  first: Buffer | undefined,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  if (first === undefined) response.flushHeaders();
  else if (!response.write(first)) await settled(response, "drain", signal);
  for await (const chunk of body) {
    if (!response.write(chunk)) await settled(response, "drain", signal);
  }
  await ended(response, undefined, signal);
}

async function ended(response: ServerResponse, last: Buffer | undefined, signal: AbortSignal): Promise<void> {
  response.end(last);
  await finished(response, signal);
}

async function finished(response: ServerResponse, signal: AbortSignal): Promise<void> {
  if (!response.writableFinished) await settled(response, "finish", signal);
}

/** Waits for the client to take what was written. @throws the signal's reason, or CLIENT_CLOSED after `stallMs`. */
async function settled(response: ServerResponse, event: "drain" | "finish", signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw reasonOf(signal);
  await new Promise<void>((resolve, reject) => {
    const finish = (outcome: () => void): void => {
      clearTimeout(timer);
      response.off(event, onEvent);
      signal.removeEventListener("abort", onAbort);
      outcome();
    };
    const onEvent = (): void => finish(resolve);
    const onAbort = (): void => finish(() => reject(reasonOf(signal)));
    const timer = setTimeout(() => finish(() => reject(stalled())), stallMs);
    response.once(event, onEvent);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}

function stalled(): TsfnError {
  return new TsfnError("CLIENT_CLOSED", `The client took nothing of the answer for ${stallMs / 1_000} s`);
}

/** HTTP/1.0 marks the end of a body by closing, so only a reset tells its client that the body is not whole. */
function breakOff(response: ServerResponse): void {
  if (response.req.httpVersion === "1.0") response.socket?.resetAndDestroy();
  response.destroy();
}
