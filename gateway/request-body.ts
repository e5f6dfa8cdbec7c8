// A request's body on its way to a function: bounded, with backpressure, and separate from the request itself, because
// destroying an IncomingMessage closes the connection that the answer still needs.

import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { TsfnError } from "../runtime/errors.ts";

export interface BodyBounds {
  readonly limitBytes: number;
  /** What an error names as too small, e.g. `limits.body of hello`. */
  readonly limitName: string;
  /** Hears once that the client sent more than the limit. */
  readonly onOverflow: (error: TsfnError) => void;
}

/** null: the request has no body. @throws TsfnError BODY_TOO_LARGE when its declared length is over the limit. */
export function openRequestBody(request: IncomingMessage, bounds: BodyBounds): Readable | null {
  if (!hasBody(request)) return null;
  const declaredBytes = Number(request.headers["content-length"] ?? 0);
  if (declaredBytes > bounds.limitBytes) throw tooLarge(`is ${declaredBytes} bytes`, bounds);
  return new RequestBody(request, bounds);
}

/** The same bounds for a body that is no request's own. */
export function boundedBody(source: Readable, bounds: BodyBounds): Readable {
  return new RequestBody(source, bounds);
}

/** All of it at once; empty when there is none. @throws TsfnError BODY_TOO_LARGE */
export async function readRequestBody(
  request: IncomingMessage,
  limits: Pick<BodyBounds, "limitBytes" | "limitName">,
): Promise<Buffer> {
  // Reading finds the overflow again, as the stream's error.
  const body = openRequestBody(request, { ...limits, onOverflow: () => {} });
  const chunks: Buffer[] = [];
  for await (const chunk of body ?? []) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function hasBody(request: IncomingMessage): boolean {
  if (request.headers["transfer-encoding"] !== undefined) return true;
  return Number(request.headers["content-length"] ?? 0) > 0;
}

/** How often it is looked how much that was. */
const lookMs = 20;

/**
 * Reads and throws away what the client still sends, so that the connection can serve its next request.
 * Resolves with false when it is more than `maxBytes` or takes longer than `maxMs`: only closing it helps then.
 */
export async function discardRest(request: IncomingMessage, maxBytes: number, maxMs: number): Promise<boolean> {
  if (request.complete || request.destroyed) return request.complete;
  const { socket } = request;
  const beforeBytes = socket.bytesRead;
  return await new Promise<boolean>((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      clearInterval(look);
      request.off("end", finish).off("close", finish);
      resolve(request.complete);
    };
    // Node itself throws away what comes once the answer is written, and tells nobody.
    const look = setInterval(() => {
      if (socket.bytesRead - beforeBytes > maxBytes) finish();
    }, lookMs);
    const timer = setTimeout(finish, maxMs);
    request.once("end", finish).once("close", finish);
    request.resume();
  });
}

class RequestBody extends Readable {
  readonly #request: Readable;
  readonly #bounds: BodyBounds;
  #receivedBytes = 0;
  #started = false;

  constructor(request: Readable, bounds: BodyBounds) {
    super({ highWaterMark: request.readableHighWaterMark });
    this.#request = request;
    this.#bounds = bounds;
    // While the invocation waits in line nobody reads; its end is told by the invocation's signal.
    this.on("error", () => {});
    request.once("close", this.#onClose);
  }

  override _read(): void {
    this.#start();
    this.#request.resume();
  }

  /**
   * The request stays open and flows into nothing: the client may first send all and then read its answer. It is still
   * counted, so that what nobody reads is bounded too.
   */
  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#start();
    this.#request.off("end", this.#onEnd).off("close", this.#onClose).resume();
    callback(error);
  }

  #start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#request.on("data", this.#onData).once("end", this.#onEnd);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#receivedBytes += chunk.length;
    if (this.#receivedBytes > this.#bounds.limitBytes) this.#overflow();
    else if (!this.destroyed && !this.push(chunk)) this.#request.pause();
  };

  #overflow(): void {
    this.#request.off("data", this.#onData).pause();
    const error = tooLarge("is longer", this.#bounds);
    this.#bounds.onOverflow(error);
    this.destroy(error);
  }

  readonly #onEnd = (): void => {
    this.push(null);
  };

  readonly #onClose = (): void => {
    if (this.#request.readableEnded) return;
    this.destroy(new TsfnError("CLIENT_CLOSED", "The client closed the connection before its body was complete"));
  };
}

function tooLarge(found: string, { limitBytes, limitName }: BodyBounds): TsfnError {
  return new TsfnError("BODY_TOO_LARGE", `The request body ${found}; ${limitName} allows ${limitBytes} bytes`);
}
