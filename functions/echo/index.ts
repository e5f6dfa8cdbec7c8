// Answers with what it was sent, as it arrives: the body is a stream in both directions and is never held as a whole.

import type { ExportedHandler } from "tsfn";

export default {
  fetch(request) {
    const type = request.headers.get("content-type") ?? "application/octet-stream";
    return new Response(request.body, { headers: { "content-type": type } });
  },
} satisfies ExportedHandler;
