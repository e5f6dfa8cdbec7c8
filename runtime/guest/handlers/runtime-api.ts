// AWS's Runtime API, by which a program in any language takes invocations and answers them: it asks for the next one, and
// that is when the one before is over. guest/bootstrap.ts starts the program.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { headerOf } from "./flat-headers.ts";
import type { Handler, IncomingCall, ResponseLike } from "./handler.ts";
import { arnFor } from "./lambda.ts";
import { answerOf, eventOf } from "./lambda-event.ts";
import { type InvokeApiCall, invokeApiCall } from "./lambda-invoke.ts";
import { RuntimeError, readReport } from "./runtime-error.ts";
import { isStreamed, streamedAnswer } from "./streamed-answer.ts";

// Taken before the function's code runs, which may put its own in place.
const { Response } = globalThis;

/** Lambda's own limit. */
const maxAnswerBytes = 6 * 2 ** 20 + 100;
const maxReportBytes = 262_144;

export interface RuntimeApi {
  /** `host:port`, as in AWS_LAMBDA_RUNTIME_API. */
  readonly address: string;
  /** Resolves when the program first asks for an invocation. Rejects with what it reports instead. */
  readonly ready: Promise<void>;
  readonly handler: Handler;
  close(): void;
}

/** On the loopback; port 0 takes a free one. */
export async function openRuntimeApi(port: number): Promise<RuntimeApi> {
  const desk = new Desk();
  // A program may wait for its next invocation, and be silent between two, for as long as it likes.
  const timeouts = { requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 0 };
  const server = createServer(timeouts, (request, response) => {
    // The program broke its connection off; it may try again, and nobody else waits for this.
    desk.receive(request, response).catch(() => response.destroy());
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const { address, port: bound } = server.address() as AddressInfo;
  return {
    address: `${address}:${bound}`,
    ready: desk.ready.promise,
    handler: { shape: "lambda", answer: (call) => desk.answer(call) },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** An invocation on its way through the program. */
interface Flight {
  readonly id: string;
  readonly call: IncomingCall;
  readonly api: InvokeApiCall | null;
  readonly event: string | Buffer;
  readonly answer: PromiseWithResolvers<ResponseLike>;
  /** The program has asked for another one since. */
  readonly over: PromiseWithResolvers<void>;
}

/** Who brings an invocation and who asks for one meet here; either may be first. */
class Desk {
  readonly ready = Promise.withResolvers<void>();
  /** Not handed out yet. */
  readonly #waiting: Flight[] = [];
  /** Handed out and not answered, by id. */
  readonly #flights = new Map<string, Flight>();
  /** Answered, and the program still at work on them for all one knows. */
  readonly #answered: Flight[] = [];
  /** Open requests for the next invocation. */
  readonly #askers: ServerResponse[] = [];
  #isReady = false;

  async answer(call: IncomingCall): Promise<ResponseLike> {
    const { context } = call;
    const { signal } = context;
    const api = invokeApiCall(call);
    const event = api === null ? await httpEvent(call) : await rawEvent(call);
    const flight: Flight = {
      ...{ id: this.#idFor(context.requestId), call, api, event },
      ...{ answer: Promise.withResolvers(), over: Promise.withResolvers() },
    };
    // Once handed out it cannot be taken back: the program finishes it, or is ended at the deadline.
    const onAbort = (): void => {
      const at = this.#waiting.indexOf(flight);
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      flight.answer.reject(signal.reason);
      flight.over.resolve();
    };
    signal.addEventListener("abort", onAbort, { once: true });
    context.waitUntil(flight.over.promise);
    this.#waiting.push(flight);
    if (signal.aborted) onAbort();
    this.#match();
    try {
      return await flight.answer.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** @throws Error of a connection that broke */
  async receive(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = "", url = "" } = request;
    const [, id, what] = /^\/2018-06-01\/runtime\/(?:invocation\/([^/?]+)\/)?(next|response|error)$/.exec(url) ?? [];
    if (method === "GET" && url === "/2018-06-01/runtime/invocation/next") this.#next(response);
    else if (method === "POST" && url === "/2018-06-01/runtime/init/error") await this.#failInit(request, response);
    else if (method === "POST" && id !== undefined && what === "response") await this.#respond(id, request, response);
    else if (method === "POST" && id !== undefined && what === "error") await this.#fail(id, request, response);
    else refuse(response, 404, "NotFound", `${method} ${url.slice(0, 200)} is not part of the Runtime API`);
  }

  #next(response: ServerResponse): void {
    this.#answered.shift()?.over.resolve();
    this.#isReady = true;
    this.ready.resolve();
    this.#askers.push(response);
    response.once("close", () => {
      const at = this.#askers.indexOf(response);
      if (at >= 0) this.#askers.splice(at, 1);
    });
    this.#match();
  }

  #match(): void {
    while (this.#waiting.length > 0 && this.#askers.length > 0) {
      const [flight, response] = [this.#waiting.shift(), this.#askers.shift()];
      if (flight === undefined || response === undefined) return;
      this.#flights.set(flight.id, flight);
      response.writeHead(200, headOf(flight)).end(flight.event);
    }
  }

  async #respond(id: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request, maxAnswerBytes);
    const flight = this.#take(id, response);
    if (flight === undefined) return;
    if (body === null) {
      const message = `the response has more than ${maxAnswerBytes} bytes`;
      flight.answer.reject(new RuntimeError("Function.ResponseSizeTooLarge", message, []));
      refuse(response, 413, "RequestEntityTooLarge", message);
      return;
    }
    try {
      flight.answer.resolve(isStreamed(request) ? streamedAnswer(request, body) : wholeAnswer(flight, body));
    } catch (thrown) {
      flight.answer.reject(thrown);
    }
    accept(response);
  }

  async #fail(id: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const report = readReport(request.headers, await readBody(request, maxReportBytes));
    const flight = this.#take(id, response);
    if (flight === undefined) return;
    flight.answer.reject(report);
    accept(response);
  }

  async #failInit(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const report = readReport(request.headers, await readBody(request, maxReportBytes));
    if (this.#isReady) {
      refuse(response, 403, "InvalidStateTransition", "the program has asked for an invocation: it is initialized");
      return;
    }
    accept(response);
    this.ready.reject(report);
  }

  #take(id: string, response: ServerResponse): Flight | undefined {
    const flight = this.#flights.get(id);
    if (flight === undefined) refuse(response, 400, "InvalidRequestID", "Invalid request ID");
    else {
      this.#flights.delete(id);
      this.#answered.push(flight);
    }
    return flight;
  }

  /** The request's own, unless it cannot stand in a path or is taken. */
  #idFor(requestId: string): string {
    const isTaken = this.#flights.has(requestId) || this.#waiting.some(({ id }) => id === requestId);
    return isTaken || !/^[\w-]/.test(requestId) ? randomUUID() : requestId;
  }
}

async function httpEvent(call: IncomingCall): Promise<string> {
  return JSON.stringify(await eventOf(call, call.env.TSFN_FUNCTION_NAME ?? ""));
}

async function rawEvent({ body }: IncomingCall): Promise<Buffer> {
  const bytes = body === null ? Buffer.alloc(0) : Buffer.from(await new Response(body).arrayBuffer());
  return bytes.length === 0 ? Buffer.from("{}") : bytes;
}

function headOf({ id, call, api, event }: Flight): Record<string, string | number> {
  const { context } = call;
  const traceId = traceIdOf(call);
  return {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(event),
    "Lambda-Runtime-Aws-Request-Id": id,
    "Lambda-Runtime-Deadline-Ms": context.deadline.getTime(),
    "Lambda-Runtime-Invoked-Function-Arn": api?.invokedFunctionArn ?? arnFor(call),
    ...(traceId !== null && { "Lambda-Runtime-Trace-Id": traceId }),
    ...(api?.clientContext !== undefined && { "Lambda-Runtime-Client-Context": asciiJson(api.clientContext) }),
  };
}

/** The W3C's trace in the words of X-Ray; null where there is none. */
function traceIdOf({ headers }: IncomingCall): string | null {
  const traceparent = headerOf(headers, "traceparent") ?? "";
  const [, time, rest, parent, flags] =
    /^00-([0-9a-f]{8})([0-9a-f]{24})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent) ?? [];
  if (time === undefined || flags === undefined) return null;
  return `Root=1-${time}-${rest};Parent=${parent};Sampled=${Number.parseInt(flags, 16) & 1}`;
}

/** A header holds no other characters. */
function asciiJson(value: unknown): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return JSON.stringify(value).replace(/[^\x20-\x7e]/g, escaped);
}

function wholeAnswer({ api }: Flight, body: Buffer): ResponseLike {
  return api === null ? httpAnswer(body) : jsonAnswer(body);
}

/** As a function URL takes it; what is no JSON is the body. @throws BadResponse */
function httpAnswer(body: Buffer): ResponseLike {
  const text = body.toString();
  let result: unknown;
  try {
    result = JSON.parse(text === "" ? "null" : text);
  } catch {
    return { status: 200, headers: [["content-type", "text/plain; charset=utf-8"]], body: new Response(text).body };
  }
  return answerOf(result);
}

function jsonAnswer(body: Buffer): ResponseLike {
  const json = body.length === 0 ? "null" : Uint8Array.from(body);
  return { status: 200, headers: [["content-type", "application/json"]], body: new Response(json).body };
}

/** null for one that is longer; it is read to its end all the same. */
async function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes <= limitBytes) chunks.push(chunk);
  }
  return bytes <= limitBytes ? Buffer.concat(chunks) : null;
}

function accept(response: ServerResponse): void {
  send(response, 202, { status: "OK" });
}

function refuse(response: ServerResponse, status: number, errorType: string, errorMessage: string): void {
  send(response, status, { errorMessage, errorType });
}

function send(response: ServerResponse, status: number, document: object): void {
  const text = JSON.stringify(document);
  response
    .writeHead(status, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(text) })
    .end(text);
}
