// WebSocket connections: the upgrade request is an invocation like any other, and when its function accepts (101) the
// connection carries bytes both ways until one side ends or the deadline comes. invoke.ts decides when this begins.

import { type IncomingMessage, ServerResponse } from "node:http";
import type { Duplex, Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Answer } from "../runtime/invocation.ts";
import { clientHeaders } from "./answer.ts";
import { endSocket } from "./connection-end.ts";
import type { Exchange, Exchanges } from "./exchanges.ts";
import { type BodyBounds, boundedBody } from "./request-body.ts";
import { connectionOptions } from "./request-headers.ts";

/**
 * Any other upgrade is not taken up: the request is then answered as if it had not asked (RFC 9110, 7.8). Nor is one that was
 * sent behind another request that has no answer yet, which still needs the connection.
 */
export function isWebSocketUpgrade(request: IncomingMessage, exchanges: Exchanges): boolean {
  const { method, headers, rawHeaders, socket } = request;
  if (method !== "GET" || headers.upgrade?.toLowerCase() !== "websocket") return false;
  if (!connectionOptions(rawHeaders).has("upgrade") || headers["transfer-encoding"] !== undefined) return false;
  return exchanges.ofSocket(socket).length === 0;
}

/** Node's server has let go of the connection: an answer that does not accept closes it. */
export function openUpgrade(exchanges: Exchanges, request: IncomingMessage, socket: Duplex, head: Buffer): Exchange {
  // Node listens no more, and an error that nobody hears ends the server.
  socket.on("error", () => socket.destroy());
  if (head.length > 0) socket.unshift(head);
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(request.socket);
  socket.on("drain", () => response.emit("drain"));
  response.once("finish", () => endSoon(socket));
  return exchanges.open(request, response, { upgrade: true });
}

/** What the client sends once it is connected, as the invocation's body. */
export function upgradedBody({ request }: Exchange, bounds: BodyBounds): Readable {
  return boundedBody(request.socket, bounds);
}

/** Carries bytes until both sides have ended. Never rejects: a connection that breaks has no other way to say so. */
export async function carryUpgraded({ request, requestId }: Exchange, answer: Answer): Promise<void> {
  const { socket } = request;
  const own = ["Connection", "Upgrade", "Upgrade", "websocket", "X-Request-Id", requestId];
  const headers = [...clientHeaders(answer.headers), ...own, "X-Tsfn-Version", String(answer.version)];
  let head = "HTTP/1.1 101 Switching Protocols\r\n";
  for (let at = 0; at + 1 < headers.length; at += 2) head += `${headers[at]}: ${headers[at + 1]}\r\n`;
  socket.write(`${head}\r\n`, "latin1");
  try {
    await pipeline(answer.body as Readable, socket);
    endSoon(socket);
  } catch {
    socket.destroy();
  }
}

function endSoon(socket: Duplex): void {
  endSocket(socket);
  // Its end is seen only by who reads.
  socket.resume();
}
