// A connection that never leaves the process: Node's own HTTP server reads one end as if it were a socket, relay.ts speaks
// HTTP into the other. So a (req, res) function gets the real thing, without a port.

import type { Server } from "node:http";
import { type Duplex, duplexPair } from "node:stream";
import { headerOf } from "./flat-headers.ts";
import type { IncomingCall } from "./handler.ts";

export interface LocalConnection {
  readonly clientEnd: Duplex;
  /** What `request.socket` is on the server's side. */
  readonly serverEnd: Duplex;
}

/** Begins a connection to a server that need not listen. It is over when the client's end is closed. */
export function connectLocally(server: Server, call: IncomingCall): LocalConnection {
  const [clientEnd, serverEnd] = duplexPair();
  clientEnd.once("close", () => serverEnd.destroy());
  server.emit("connection", asSocket(serverEnd, clientAddress(call)));
  return { clientEnd, serverEnd };
}

/** What frameworks and libraries ask of a net.Socket, besides reading and writing. */
function asSocket(end: Duplex, remoteAddress: string): Duplex {
  const same = () => end;
  const port = Number(process.env.PORT ?? 0);
  return Object.assign(end, {
    remoteAddress,
    remoteFamily: remoteAddress.includes(":") ? "IPv6" : "IPv4",
    remotePort: 0,
    localAddress: "127.0.0.1",
    localPort: port,
    address: () => ({ address: "127.0.0.1", family: "IPv4", port }),
    setTimeout: same,
    setNoDelay: same,
    setKeepAlive: same,
    ref: same,
    unref: same,
  });
}

/** The client as the gateway saw it. */
function clientAddress({ headers }: IncomingCall): string {
  return headerOf(headers, "x-forwarded-for")?.split(",")[0]?.trim() ?? "127.0.0.1";
}
