// Server-sent events: one a second, each sent as soon as it is there, until the client leaves. Try it with `curl -N`.

import { setTimeout as pause } from "node:timers/promises";
import type { ExportedHandler } from "tsfn";

const most = 20;
const encoder = new TextEncoder();

export default {
  fetch(_request, _env, ctx) {
    let count = 0;
    const events = new ReadableStream<Uint8Array>({
      async pull(controller) {
        if (count > 0) await pause(1_000, undefined, { signal: ctx.signal });
        count += 1;
        controller.enqueue(encoder.encode(`data: ${JSON.stringify({ count, at: new Date() })}\n\n`));
        if (count === most) controller.close();
      },
    });
    return new Response(events, { headers: { "content-type": "text/event-stream" } });
  },
} satisfies ExportedHandler;
