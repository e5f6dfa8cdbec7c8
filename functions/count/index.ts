// Counts the invocations of its process and gives ?nonce= back: 1 in every answer means that each came from a process
// of its own.

import type { ExportedHandler } from "tsfn";

let served = 0;

export default {
  fetch(request) {
    served += 1;
    return Response.json({ served, nonce: new URL(request.url).searchParams.get("nonce") });
  },
} satisfies ExportedHandler;
