// Waits ?ms= milliseconds before it answers, without using the cpu. It stops waiting when nobody waits for it.

import { setTimeout as wait } from "node:timers/promises";
import type { ExportedHandler } from "tsfn";

export default {
  async fetch(request, _env, ctx) {
    const ms = Number(new URL(request.url).searchParams.get("ms") ?? 100);
    if (!Number.isInteger(ms) || ms < 0) {
      return Response.json({ error: "wanted ?ms= with a whole number of milliseconds" }, { status: 400 });
    }
    await wait(ms, undefined, { signal: ctx.signal });
    return Response.json({ sleptMs: ms });
  },
} satisfies ExportedHandler;
