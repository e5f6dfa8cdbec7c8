// Response streaming as on Lambda: `awslambda.streamifyResponse((event, responseStream, context) => …)`, with the head from
// `awslambda.HttpResponseStream.from(responseStream, { statusCode, headers, cookies })`.

import { Buffer } from "node:buffer";
import { Writable } from "node:stream";
import type { ResponseLike } from "./handler.ts";
import { headPairs } from "./lambda-event.ts";
import type { Callee } from "./module.ts";

const streamed = Symbol("tsfn.streamifyResponse");

// Taken before the function's code runs, which may put its own in place.
const { ReadableStream } = globalThis;

/** Puts `awslambda` in place, before the function's code is loaded. */
export function offerStreaming(): void {
  const awslambda = {
    streamifyResponse(handler: unknown): unknown {
      if (typeof handler !== "function")
        throw new TypeError(`streamifyResponse was given ${typeof handler}; wanted a function`);
      const wrapped: Callee = (...args) => Reflect.apply(handler, undefined, args);
      return Object.assign(wrapped, { [streamed]: true });
    },
    HttpResponseStream: {
      from(stream: unknown, metadata: unknown): unknown {
        if (!(stream instanceof ResponseStream))
          throw new TypeError("HttpResponseStream.from wants the responseStream");
        stream.setHead(metadata);
        return stream;
      },
    },
  };
  Object.defineProperty(globalThis, "awslambda", { configurable: true, writable: true, value: awslambda });
}

export function isStreamed(handler: unknown): boolean {
  return typeof handler === "function" && streamed in handler;
}

/** What the function writes to. The answer's head leaves with the first byte, or at the end. */
export class ResponseStream extends Writable {
  readonly answer: Promise<ResponseLike>;
  readonly #settle: PromiseWithResolvers<ResponseLike>;
  #head: { status: number; headers: [string, string][] } = { status: 200, headers: [] };
  #type: string | null = null;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  /** Called when the reader wants more. */
  #taken: (() => void) | null = null;

  constructor() {
    super();
    this.#settle = Promise.withResolvers();
    this.answer = this.#settle.promise;
    // Told to the one who waits for the answer, or who reads its body.
    this.on("error", () => undefined);
  }

  setContentType(type: unknown): void {
    this.#type = String(type);
  }

  setHead(metadata: unknown): void {
    const { statusCode = 200, headers, cookies } = Object(metadata) as Record<string, unknown>;
    this.#head = { status: Number(statusCode), headers: headPairs({ headers, cookies }) };
  }

  override _write(chunk: Buffer | string, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#begin();
    this.#taken = done;
    this.#controller?.enqueue(typeof chunk === "string" ? Buffer.from(chunk, encoding) : chunk);
  }

  override _final(done: () => void): void {
    this.#begin();
    this.#controller?.close();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const reason = error ?? new Error("the response stream was destroyed before its end");
    this.#settle.reject(reason);
    if (!this.writableFinished) this.#controller?.error(reason);
    done(error);
  }

  /** Sends the head, once. */
  #begin(): void {
    if (this.#controller !== null) return;
    const { status, headers } = this.#head;
    const has = headers.some(([name]) => name.toLowerCase() === "content-type");
    if (this.#type !== null || !has) headers.push(["content-type", this.#type ?? "application/octet-stream"]);
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          const taken = this.#taken;
          this.#taken = null;
          taken?.();
        },
        cancel: () => void this.destroy(),
      },
      { highWaterMark: 1 },
    );
    this.#settle.resolve({ status, headers, body });
  }
}
