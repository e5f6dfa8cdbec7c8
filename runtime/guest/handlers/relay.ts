// Puts a call on an HTTP connection and makes the answer that comes back a ResponseLike: how functions are called that are
// HTTP servers. Both bodies stream with backpressure; an upgraded connection is carried as bytes.

import { type ClientRequest, type IncomingMessage, request as openRequest } from "node:http";
import type { Duplex } from "node:stream";
import { headerOf, pairsOf } from "./flat-headers.ts";
import type { IncomingCall, ResponseLike } from "./handler.ts";
import { drainInto, webStreamOf } from "./streams.ts";

/** Belongs to the connection inside the sandbox, not to the answer. */
const ofConnection: ReadonlySet<string> = new Set(["connection", "keep-alive", "transfer-encoding"]);
const carryBody: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH"]);

export interface Relayed {
  /** Rejects when the connection breaks before there is an answer. */
  readonly answer: Promise<ResponseLike>;
  /** Breaks the connection: what is not answered yet fails with this. */
  fail(error: Error): void;
}

/** The connection is closed when the answer is complete or the call is cancelled. */
export function relay(call: IncomingCall, connection: Duplex): Relayed {
  const { signal } = call.context;
  const { promise, resolve, reject } = Promise.withResolvers<ResponseLike>();
  // Of the head: flushHeaders() names no encoding, as the other ways to send one do.
  connection.setDefaultEncoding("latin1");
  const request = openRequest({
    createConnection: () => connection,
    method: call.method,
    path: pathOf(call.url),
    headers: requestHeaders(call),
  });
  let broken: Error | null = null;
  const fail = (error: Error): void => {
    broken ??= error;
    reject(error);
    connection.destroy(error);
  };
  const onAbort = (): void => fail(signal.reason as Error);
  signal.addEventListener("abort", onAbort, { once: true });
  connection.once("close", () => signal.removeEventListener("abort", onAbort));
  connection.on("error", reject);
  request.on("error", (error) => reject(broken ?? error));
  request.on("response", (message) => {
    const { statusCode: status = 0 } = message;
    // Whoever answers has said all: what it did not read is read by nobody.
    message.once("close", () => connection.destroy());
    const body = isBodiless(call, status) ? null : webStreamOf(message, () => broken);
    if (body === null) message.resume();
    resolve({ status, headers: headersOf(message, ofConnection), body });
  });
  request.on("upgrade", (message: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (head.length > 0) socket.unshift(head);
    const { statusCode: status = 0 } = message;
    resolve({ status, headers: headersOf(message, none), body: webStreamOf(socket, () => broken) });
    send(call, socket, fail);
  });
  if (isUpgrade(call)) request.end();
  else {
    // The head goes at once, though the body may be long in coming.
    request.flushHeaders();
    send(call, request, fail);
  }
  if (signal.aborted) onAbort();
  return { answer: promise, fail };
}

/** The client asks to speak another protocol; the gateway lets no other `Upgrade` through. */
export function isUpgrade({ headers }: IncomingCall): boolean {
  return headerOf(headers, "upgrade") !== undefined;
}

function send({ body }: IncomingCall, sink: ClientRequest | Duplex, fail: (error: Error) => void): void {
  if (body === null) sink.end();
  else void drainInto(body, sink).catch(fail);
}

const none: ReadonlySet<string> = new Set();

/** As the client sent it: an URL object would tidy it up. */
function pathOf(url: string): string {
  const path = url.replace(/^https?:\/\/[^/?#]*/i, "");
  return path.startsWith("/") ? path : `/${path}`;
}

function requestHeaders(call: IncomingCall): string[] {
  const { headers, body, method } = call;
  const has = (name: string) => headerOf(headers, name) !== undefined;
  const own: string[] = [];
  if (isUpgrade(call)) own.push("connection", "upgrade");
  else if (body !== null && !has("content-length")) own.push("transfer-encoding", "chunked");
  else if (body === null && carryBody.has(method) && !has("content-length")) own.push("content-length", "0");
  if (!has("host")) own.push("host", new URL(call.url).host);
  return [...headers, ...own];
}

function* headersOf(
  { rawHeaders }: IncomingMessage,
  without: ReadonlySet<string>,
): Generator<readonly [string, string]> {
  for (const pair of pairsOf(rawHeaders)) if (!without.has(pair[0].toLowerCase())) yield pair;
}

function isBodiless({ method }: IncomingCall, status: number): boolean {
  return method === "HEAD" || status === 204 || status === 304;
}
