// Answers with one short text and does nothing else: what a call of it costs is the way there and back.

import type { ExportedHandler } from "tsfn";

export default {
  async fetch() {
    return new Response("pong");
  },
} satisfies ExportedHandler;
