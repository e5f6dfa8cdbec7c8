// A function's Response on its way out: the head is checked, the body is sent as the credit of tsfnd allows.

import { type Invoke, limits, problemOfHead, type ResponseHead, SendWindow } from "../wire/index.ts";
import { BadResponse, describe } from "./failure.ts";
import { headerOf, type ResponseLike } from "./handlers/index.ts";

// Taken before the function's code runs, which may put its own in place.
const { ReadableStream } = globalThis;

/** @throws BadResponse */
export function asResponse(value: unknown): ResponseLike {
  const response = withWebStream(value);
  if (!isResponseLike(response)) throw new BadResponse(`the function returned ${describe(value)}; wanted a Response`);
  if (response.bodyUsed === true || response.body?.locked === true) {
    throw new BadResponse("the function returned a Response whose body was already used; wanted a new one");
  }
  return response;
}

/** Those of node-fetch have one of Node's streams as their body. */
function withWebStream(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("body" in value && isNodeStream(value.body))) return value;
  const [status, headers, bodyUsed] = ["status", "headers", "bodyUsed"].map((name) => Reflect.get(value, name));
  return { status, headers, bodyUsed, body: ReadableStream.from(value.body) };
}

function isNodeStream(body: unknown): body is AsyncIterable<Uint8Array> {
  return typeof body === "object" && body !== null && "pipe" in body && Symbol.asyncIterator in body;
}

/** What of the request decides what may be answered. */
type Asked = Pick<Invoke, "method" | "headers">;

/** @throws BadResponse */
export function headOf(response: ResponseLike, asked: Asked): ResponseHead {
  const headers: string[] = [];
  for (const [name, value] of response.headers) headers.push(String(name).toLowerCase(), String(value));
  return checkedHead(response.status, headers, response.body !== null, asked);
}

/** @throws BadResponse */
export function checkedHead(
  status: number,
  headers: readonly string[],
  hasBody: boolean,
  { method, headers: asked }: Asked,
): ResponseHead {
  const bodyless = method === "HEAD" || status === 204 || status === 205 || status === 304;
  const head = { status, headers, hasBody: hasBody && !bodyless };
  const isUnasked = status === 101 && headerOf(asked, "upgrade") === undefined;
  const problem = isUnasked ? "the status is 101, and the client asked for no upgrade" : problemOfHead(head);
  if (problem !== null) throw new BadResponse(`the function returned a Response that cannot be sent: ${problem}`);
  return head;
}

/** Sends one body, never more than was granted. */
export class ResponseBody {
  readonly #send: (chunk: Uint8Array) => void;
  readonly #window = new SendWindow();
  #reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  #cancelled: { readonly reason: unknown } | null = null;
  #wake: (() => void) | null = null;

  constructor(send: (chunk: Uint8Array) => void) {
    this.#send = send;
  }

  /** Resolves when everything is sent. @throws what the body failed with, or the reason of `cancel`. */
  async pump(body: ReadableStream<Uint8Array>): Promise<void> {
    const reader = body.getReader();
    this.#reader = reader;
    for (;;) {
      if (this.#cancelled !== null) return await this.#stop(reader, this.#cancelled.reason);
      const { done, value } = await reader.read();
      if (done && this.#cancelled === null) return;
      if (done) continue;
      if (!(value instanceof Uint8Array)) {
        const wrong = new BadResponse(`the response's body yielded ${describe(value)}; wanted a Uint8Array`);
        return await this.#stop(reader, wrong);
      }
      await this.#sendChunk(value);
    }
  }

  grant(bytes: number): void {
    this.#window.grant(bytes);
    this.#wakeUp();
  }

  /** Nobody wants the rest. */
  cancel(reason: unknown): void {
    if (this.#cancelled !== null) return;
    this.#cancelled = { reason };
    this.#wakeUp();
    // A source that is waiting for something learns it here; that its own cleaning up fails changes nothing.
    this.#reader?.cancel(reason).catch(() => undefined);
  }

  async #sendChunk(chunk: Uint8Array): Promise<void> {
    let at = 0;
    while (at < chunk.byteLength && this.#cancelled === null) {
      const bytes = Math.min(chunk.byteLength - at, limits.maxChunkBytes, this.#window.availableBytes);
      if (bytes === 0) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      // A copy: the source may write into its buffer again as soon as it is asked for more.
      this.#send(Uint8Array.prototype.slice.call(chunk, at, at + bytes));
      this.#window.spend(bytes);
      at += bytes;
    }
  }

  async #stop(reader: ReadableStreamDefaultReader<Uint8Array>, reason: unknown): Promise<never> {
    await reader.cancel(reason).catch(() => undefined);
    throw reason;
  }

  #wakeUp(): void {
    this.#wake?.();
    this.#wake = null;
  }
}

function isResponseLike(value: unknown): value is ResponseLike {
  if (typeof value !== "object" || value === null) return false;
  if (!("status" in value && "headers" in value && "body" in value)) return false;
  const { status, headers, body } = value;
  if (typeof status !== "number" || typeof headers !== "object" || headers === null) return false;
  if (!(Symbol.iterator in headers)) return false;
  // Asked for, because a body may be a proxy that has it only then, as that of @whatwg-node/node-fetch.
  return body === null || typeof Reflect.get(Object(body), "getReader") === "function";
}
