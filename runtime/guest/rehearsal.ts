// Before the first fork the zygote does what its clones will do, several times: the same steps in the same order, on a
// stream of its own, with a handler of the guest's. What V8 and Node compile, allocate and look up at the first time is
// then there, and every clone shares it. The function's own handler is never called by this.
// Why, and what it brings: docs/decisions/0010-what-a-clone-runs.md.

import { Buffer } from "node:buffer";
import { once } from "node:events";
import { Socket } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import {
  encode,
  encodeInvoke,
  FrameDecoder,
  FrameWriter,
  type Invoke,
  instanceIdVariable,
  toDaemon,
  toGuest,
} from "../wire/index.ts";
import { standBy } from "./clone.ts";
import type { DescriptorSink } from "./descriptor-sink.ts";
import { fetchHandler } from "./handlers/index.ts";
import type { LayerWatch } from "./layer-watch.ts";
import type { ExecutionContext } from "./public.ts";
import type { TakeTicket } from "./tickets.ts";

/** Enough for V8 to collect feedback and compile what is used most; more only delays the first fork. */
const rounds = 24;

export interface RehearsalParts {
  readonly socketpair: () => readonly [number, number];
  readonly sink: DescriptorSink;
  readonly layer: LayerWatch;
  readonly takeTicket: TakeTicket;
  /** What a clone does before anything else. */
  readonly becomeClone: () => void;
}

/** Resolves when nothing of it is left. */
export async function rehearse(parts: RehearsalParts): Promise<void> {
  const { sink, layer, takeTicket, becomeClone } = parts;
  const [cloneFd, daemonFd] = parts.socketpair();
  const ended = Promise.withResolvers<void>();
  const writer = new FrameWriter(sink);
  const exit = () => ended.resolve();
  const { wire, session } = standBy({ fd: cloneFd, writer, layer, takeTicket, env: {}, handler, exit });
  const daemon = new Daemon(new Socket({ fd: daemonFd, readable: true, writable: true }));
  for (let round = 0; round < rounds; round += 1) {
    becomeClone();
    await daemon.play();
  }
  daemon.retire();
  await ended.promise;
  session.endOutput();
  const closed = [wire, daemon.end].map((end) => once(end, "close"));
  wire.destroy();
  daemon.end.destroy();
  delete process.env[instanceIdVariable];
  await Promise.all(closed);
}

const handler = fetchHandler({
  async fetch(request: Request, _env: unknown, { signal }: ExecutionContext): Promise<Response> {
    const url = new URL(request.url);
    if (url.pathname === "/events") return new Response(eventsUntil(signal), { headers: eventStream });
    if (url.pathname === "/stream") return new Response(streamOf(["rehearsed"]), { headers: eventStream });
    const text = await request.text();
    console.log(`rehearsed ${url.pathname}`);
    const headers = new Headers({ "x-host": request.headers.get("host") ?? "" });
    if (text === "") return new Response("rehearsed", { headers });
    return Response.json({ text: JSON.parse(text) }, { status: 200 });
  },
});

const eventStream = { "content-type": "text/event-stream" };

/** Does not end by itself. */
async function* eventsUntil(signal: AbortSignal): AsyncGenerator<Uint8Array> {
  yield Buffer.from("data: rehearsed\n\n");
  await wait(1, undefined, { signal });
  yield Buffer.from("data: rehearsed again\n\n");
  await wait(60_000, undefined, { signal });
}

function streamOf(pieces: string[]): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    pull(controller) {
      const piece = pieces.shift();
      if (piece === undefined) controller.close();
      else controller.enqueue(encoder.encode(piece));
    },
  });
}

const get: Invoke = {
  requestId: "rehearsal",
  method: "GET",
  url: "http://localhost/rehearsal?of=clones",
  headers: ["host", "localhost", "accept", "*/*", "user-agent", "tsfn", "x-request-id", "rehearsal"],
  hasBody: false,
  remainingMs: 1_000,
};
const post: Invoke = {
  ...get,
  method: "POST",
  headers: [...get.headers, "content-type", "application/json"],
  hasBody: true,
};

const stream: Invoke = { ...get, url: "http://localhost/stream" };
/** Its caller leaves after the second piece. */
const events: Invoke = { ...get, url: "http://localhost/events" };

/** tsfnd's part. */
class Daemon {
  readonly end: Socket;
  readonly #writer: FrameWriter;
  readonly #decoder = new FrameDecoder();
  readonly #calls = new Map<number, PromiseWithResolvers<void>>();
  /** Pieces of answers that callers have taken before they leave, by call. */
  readonly #taken = new Map<number, number>();
  #lastNumber = 0;

  constructor(end: Socket) {
    this.end = end;
    this.#writer = new FrameWriter(end);
    end.on("data", (chunk: Buffer) =>
      this.#decoder.push(chunk, ({ kind, invocation, payload }) => {
        if (kind === toDaemon.settled) this.#calls.get(invocation)?.resolve();
        if (kind === toDaemon.body) this.#take(invocation, payload.byteLength);
      }),
    );
  }

  /** A clone's first call, which comes along with its id, and one with a body. */
  async play(): Promise<void> {
    this.#writer.sendText(toGuest.adopt, 0, "rehearsal");
    await this.#call(get, null);
    // Meanwhile it waits for a timer.
    const left = this.#call(events, null);
    await this.#call(post, '{"rehearsed":true}');
    await this.#call(stream, null);
    await left;
  }

  retire(): void {
    this.#writer.send(toGuest.retire, 0);
  }

  #call(invoke: Invoke, body: string | null): Promise<void> {
    this.#lastNumber += 1;
    const number = this.#lastNumber;
    const settled = Promise.withResolvers<void>();
    this.#calls.set(number, settled);
    if (invoke === events) this.#taken.set(number, 0);
    this.#writer.sendText(toGuest.invoke, number, encodeInvoke(invoke));
    if (body !== null) {
      this.#writer.send(toGuest.body, number, Buffer.from(body));
      this.#writer.send(toGuest.bodyEnd, number);
    }
    return settled.promise;
  }

  #take(number: number, bytes: number): void {
    this.#writer.send(toGuest.credit, number, encode({ bytes }));
    const taken = this.#taken.get(number);
    if (taken === undefined) return;
    this.#taken.set(number, taken + 1);
    if (taken + 1 === 2) this.#writer.send(toGuest.cancel, number, encode({ reason: "client" }));
  }
}
