// How a client's connection ends when it is the client's fault: what cannot be parsed, and what a server of functions never
// does. Whatever was asked on it before is answered first.

import type { Server } from "node:http";
import type { Duplex } from "node:stream";
import { isErrno, TsfnError } from "../runtime/errors.ts";
import type { Exchanges } from "./exchanges.ts";
import type { ListenerLimits } from "./listener-limits.ts";
import { problemBytes } from "./status.ts";

/** How long a client may keep its side open. */
const closeMs = 1_000;

/** Node's own limit. */
const maxHeaders = 1_000;

/** A request that cannot be parsed is answered with a problem document, and its connection ends. */
export function endBrokenConnections(
  server: Server,
  exchanges: Exchanges,
  limits: Pick<ListenerLimits, "maxHeaderBytes">,
): void {
  const broken = new WeakSet<Duplex>();
  server.on("clientError", (error, socket) => {
    // The parser complains again about every byte that follows.
    if (broken.has(socket)) return;
    broken.add(socket);
    endBrokenConnection(exchanges, parseError(error, limits), socket);
  });
}

export function refuseConnect(server: Server, exchanges: Exchanges): void {
  const error = new TsfnError("METHOD_NOT_ALLOWED", "CONNECT is refused: this server is no proxy");
  server.on("connect", (_request, socket: Duplex) => {
    // Node's server has let go of the connection, and of those on it who have no answer yet.
    socket.on("error", () => socket.destroy());
    socket.on("drain", () => {
      for (const { response } of exchanges.ofSocket(socket)) response.emit("drain");
    });
    exchanges.whenAnswered(socket, () => endSocket(socket, problemBytes(error)));
  });
}

/** The parser gave up on it: what was asked before is still answered, then the connection ends. */
function endBrokenConnection(exchanges: Exchanges, error: TsfnError, socket: Duplex): void {
  if (error.code === "CLIENT_CLOSED" || !socket.writable) return void socket.destroy();
  const last = exchanges.ofSocket(socket).at(-1);
  if (last === undefined) {
    endSocket(socket, problemBytes(error));
    return;
  }
  // Those before it keep the connection for its answer.
  last.response.shouldKeepAlive = false;
  exchanges.whenAnswered(socket, () => endSocket(socket));
  if (!last.request.complete) last.abort(error);
}

/** Half-closes, so that the last bytes arrive, and closes soon after whatever the client does. */
export function endSocket(socket: Duplex, lastBytes = ""): void {
  const timer = setTimeout(() => socket.destroy(), closeMs);
  socket.once("close", () => clearTimeout(timer)).end(lastBytes);
}

function parseError(cause: Error, { maxHeaderBytes }: Pick<ListenerLimits, "maxHeaderBytes">): TsfnError {
  if (["ECONNRESET", "EPIPE", "HPE_INVALID_EOF_STATE"].some((code) => isErrno(cause, code))) {
    return new TsfnError("CLIENT_CLOSED", "The client closed the connection", { cause });
  }
  if (isErrno(cause, "HPE_HEADER_OVERFLOW")) {
    const most = `${maxHeaderBytes} bytes and ${maxHeaders} headers`;
    return new TsfnError("HEADERS_TOO_LARGE", `The request's head is over the limit, which is ${most}`, { cause });
  }
  if (isErrno(cause, "ERR_HTTP_REQUEST_TIMEOUT")) {
    return new TsfnError("REQUEST_TIMEOUT", "The request's head did not arrive in time", { cause });
  }
  const reason = "reason" in cause && typeof cause.reason === "string" ? cause.reason : "it is not HTTP/1.1";
  return new TsfnError("REQUEST_MALFORMED", `The request could not be parsed: ${reason}`, { cause });
}
