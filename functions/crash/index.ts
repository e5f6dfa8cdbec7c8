// Fails in the way ?how= names, and answers normally without one: for trying what a caller and the logs then see.

import type { ExportedHandler } from "tsfn";

const ways = new Map<string, () => unknown>([
  [
    "throw",
    () => {
      throw new Error("thrown on request");
    },
  ],
  ["reject", () => Promise.reject(new Error("rejected on request"))],
  ["exit0", () => process.exit(0)],
  ["exit1", () => process.exit(1)],
  ["segv", segv],
  ["abort", () => process.abort()],
  ["uncaught", () => never(() => setImmediate(() => fail("uncaught on request")))],
  ["unhandled", () => never(() => void Promise.reject(new Error("unhandled on request")))],
]);

export default {
  async fetch(request) {
    const how = new URL(request.url).searchParams.get("how");
    if (how === null) return new Response("still alive\n");
    const way = ways.get(how);
    if (way === undefined)
      return new Response(`wanted ?how= with one of ${[...ways.keys()].join(", ")}\n`, { status: 400 });
    await way();
    return new Response("survived\n");
  },
} satisfies ExportedHandler;

/** The kernel drops signals that pid 1 sends to itself; abort() then ends in an instruction that faults for real. */
function segv(): Promise<never> {
  process.kill(process.pid, "SIGSEGV");
  return never(() => setImmediate(() => process.abort()));
}

function never(start: () => void): Promise<never> {
  start();
  return new Promise(() => {});
}

function fail(message: string): never {
  throw new Error(message);
}
