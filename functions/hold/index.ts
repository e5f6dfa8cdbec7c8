// Answers its first line at once and the last one after ?ms= milliseconds, so that its instance stays taken meanwhile.
// For seeing how fast many instances can be there at the same time.

import { setTimeout as wait } from "node:timers/promises";
import type { ExportedHandler } from "tsfn";

export default {
  async fetch(request, _env, ctx) {
    const ms = Number(new URL(request.url).searchParams.get("ms") ?? 1_000);
    if (!Number.isInteger(ms) || ms < 0) {
      return Response.json({ error: "wanted ?ms= with a whole number of milliseconds" }, { status: 400 });
    }
    return new Response(heldFor(ms, ctx.signal), { headers: { "content-type": "text/plain" } });
  },
} satisfies ExportedHandler;

async function* heldFor(ms: number, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  yield Buffer.from("held\n");
  await wait(ms, undefined, { signal });
  yield Buffer.from("released\n");
}
