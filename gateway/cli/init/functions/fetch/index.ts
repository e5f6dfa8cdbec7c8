// Answers every request. `tsfn dev` serves it and reloads it on save.

import type { ExportedHandler } from "tsfn";

export default {
  async fetch(request, _env, ctx) {
    const { searchParams } = new URL(request.url);
    ctx.waitUntil(Promise.resolve().then(() => console.log("answered", ctx.requestId)));
    return Response.json({ hello: searchParams.get("name") ?? "world" });
  },
} satisfies ExportedHandler;
