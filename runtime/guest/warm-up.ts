// A few invocations through the whole guest path before the first fork, with a handler of the guest's own: what V8 has
// compiled and laid out by then is shared by every clone. The function's own handler is never called by this.

import { Buffer } from "node:buffer";
import { once } from "node:events";
import { Socket } from "node:net";
import { encodeInvoke, FrameDecoder, FrameWriter, type Invoke, toDaemon, toGuest } from "../wire/index.ts";
import type { CallSite } from "./call.ts";
import { noLayer } from "./layer-watch.ts";
import { Session } from "./session.ts";

/** Enough for the first tier of compilation; more only delays the first fork. */
const rounds = 12;

const invoke: Invoke = {
  requestId: "warm-up",
  method: "POST",
  url: "http://localhost/warm?up=1",
  headers: ["host", "localhost", "content-type", "application/json", "accept", "*/*", "user-agent", "tsfn"],
  hasBody: true,
  remainingMs: 1_000,
};

/** Resolves when nothing of it is left. `ends` are closed. */
export async function warmUp(ends: readonly [number, number]): Promise<void> {
  const [guestEnd, daemonEnd] = ends.map((fd) => new Socket({ fd, readable: true, writable: true }));
  if (guestEnd === undefined || daemonEnd === undefined) throw new Error("a pair has two ends");
  const writer = new FrameWriter(guestEnd);
  const session = new Session({ writer, layer: noLayer, onInit: () => {}, onEnd: () => {} });
  session.listen(guestEnd);
  session.serve({
    writer,
    handler: { shape: "fetch", answer: ({ request }) => answer(request) },
    env: {},
  } satisfies CallSite);
  await talk(daemonEnd);
  const closed = [guestEnd, daemonEnd].map((end) => once(end, "close"));
  guestEnd.destroy();
  daemonEnd.destroy();
  await Promise.all(closed);
}

async function answer(request: Request): Promise<Response> {
  const url = new URL(request.url);
  const body = (await request.json()) as unknown;
  const headers = new Headers({ "x-host": request.headers.get("host") ?? "" });
  return url.searchParams.has("up") ? Response.json({ body }, { headers }) : new Response("");
}

/** tsfnd's part. */
async function talk(end: Socket): Promise<void> {
  const writer = new FrameWriter(end);
  const decoder = new FrameDecoder();
  let settled = Promise.withResolvers<void>();
  end.on("data", (chunk: Buffer) =>
    decoder.push(chunk, ({ kind }) => {
      if (kind === toDaemon.settled) settled.resolve();
    }),
  );
  for (let number = 1; number <= rounds; number += 1) {
    settled = Promise.withResolvers<void>();
    writer.sendText(toGuest.invoke, number, encodeInvoke(invoke));
    writer.send(toGuest.body, number, Buffer.from(`{"number":${number}}`));
    writer.send(toGuest.bodyEnd, number);
    await settled.promise;
  }
}
