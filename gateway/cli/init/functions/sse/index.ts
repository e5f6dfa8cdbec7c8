// Server-sent events: one a second, each sent as soon as it is there, until the client leaves. Try it with `curl -N`.

import { setTimeout as pause } from "node:timers/promises";
import type { ExportedHandler } from "tsfn";

export default {
  fetch: (_request, _env, { signal }) =>
    new Response(ReadableStream.from(events(signal)), { headers: { "content-type": "text/event-stream" } }),
} satisfies ExportedHandler;

async function* events(signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  for (let count = 1; count <= 20 && !signal.aborted; count += 1) {
    yield encoder.encode(`data: ${JSON.stringify({ count, at: new Date() })}\n\n`);
    await pause(1_000);
  }
}
