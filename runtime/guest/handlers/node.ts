// The node shape: `export default (req, res) => {}`, an Express app, or an http.Server. Asked for by `"handler": "node"`,
// because nothing else tells such a function from one that wants a Request.

import { createServer, type IncomingMessage, Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Handler, IncomingCall } from "./handler.ts";
import { connectLocally } from "./local-connection.ts";
import type { Callee } from "./module.ts";
import { type Relayed, relay } from "./relay.ts";

/** A server is called without its having to listen. */
export function serverHandler(shape: Handler["shape"], server: Server): Handler {
  return { shape, answer: (call) => relay(call, connectLocally(server, call).clientEnd).answer };
}

/** `target` is what the module exports for this; null when it is neither a function nor a server. */
export function nodeHandler(target: unknown): Handler | null {
  if (target instanceof Server) return serverHandler("node", target);
  return typeof target === "function" ? listenerHandler((...args) => Reflect.apply(target, undefined, args)) : null;
}

/** What one (req, res) call belongs to. */
interface Running {
  readonly call: IncomingCall;
  readonly relayed: Relayed;
}

function listenerHandler(listener: Callee): Handler {
  const running = new WeakMap<Duplex, Running>();
  const server = createServer((request, response) => {
    const of = running.get(request.socket);
    if (of === undefined) throw new Error("a request came over a connection that belongs to no call");
    // It may go on after its answer.
    of.call.context.waitUntil(listen(listener, request, response, of.relayed));
  });
  return {
    shape: "node",
    answer(call) {
      const { clientEnd, serverEnd } = connectLocally(server, call);
      const relayed = relay(call, clientEnd);
      running.set(serverEnd, { call, relayed });
      return relayed.answer;
    },
  };
}

/** An error before the end of the answer is the call's; one after it is told by who waits for this. */
async function listen(listener: Callee, request: IncomingMessage, response: ServerResponse, { fail }: Relayed) {
  try {
    await listener(request, response);
  } catch (thrown) {
    if (response.writableEnded) throw thrown;
    fail(thrown instanceof Error ? thrown : new Error(`the handler threw ${String(thrown)}`, { cause: thrown }));
  }
}
