// The public listener: strict HTTP/1.1 on one address. It parses, bounds and routes; answering a call is invoke.ts.

import { createServer, type IncomingMessage, type Server, type ServerOptions, type ServerResponse } from "node:http";
import { type AddressInfo, Server as NetServer } from "node:net";
import type { Address } from "../runtime/config.ts";
import { asTsfnError, isErrno, TsfnError } from "../runtime/errors.ts";
import type { Runtime } from "../runtime/index.ts";
import { sendProblem } from "./answer.ts";
import { endBrokenConnections, refuseConnect } from "./connection-end.ts";
import type { Exchange, Exchanges, OpenOptions } from "./exchanges.ts";
import { type InvokeParts, invoke } from "./invoke.ts";
import { defaultLimits, type ListenerLimits } from "./listener-limits.ts";
import { discardRest } from "./request-body.ts";
import { parseTarget, publicRoute, shown } from "./routes.ts";
import { isWebSocketUpgrade, openUpgrade } from "./upgrade.ts";

export interface Listener {
  /** `http://127.0.0.1:8080`, with the port the kernel chose. */
  readonly url: string;
  /** Refuses new connections; open ones live on. */
  stopAccepting(): void;
  /** Ends connections that are idle at once and all others after a moment. Resolves when none is left. */
  close(): Promise<void>;
}

export interface PublicParts extends InvokeParts {
  readonly runtime: InvokeParts["runtime"] & Pick<Runtime, "routeTo">;
}

/** How long a closing listener waits for clients to take what was written. */
const closeMs = 1_000;

/** @throws TsfnError LISTEN_FAILED */
export async function openPublicListener(
  address: Address,
  parts: PublicParts,
  limits: ListenerLimits = defaultLimits,
): Promise<Listener> {
  const server = createStrictServer(limits, parts.exchanges, {
    shouldUpgradeCallback: (request) => isWebSocketUpgrade(request, parts.exchanges),
  });
  const accept = (request: IncomingMessage, response: ServerResponse, options?: OpenOptions): void => {
    void answer(parts, parts.exchanges.open(request, response, options));
  };
  server.on("request", (request, response) => accept(request, response));
  server.on("checkContinue", (request, response) => accept(request, response, { awaitsContinue: true }));
  server.on("upgrade", (request, socket, head) => {
    void answer(parts, openUpgrade(parts.exchanges, request, socket, head));
  });
  server.on("checkExpectation", (request, response) => {
    const exchange = parts.exchanges.open(request, response);
    void refuse(
      exchange,
      new TsfnError("REQUEST_MALFORMED", "The Expect header wants something else than 100-continue"),
    );
  });
  endBrokenConnections(server, parts.exchanges, limits);
  return listenerOf(server, await listenOn(server, address, "--listen"));
}

/** The URL, with the port that the kernel chose. @param flag what chooses another address. @throws TsfnError LISTEN_FAILED */
export async function listenOn(server: Server, address: Address, flag: string): Promise<string> {
  await listen(server, address, flag);
  const { port } = server.address() as AddressInfo;
  const host = address.host.includes(":") ? `[${address.host}]` : address.host;
  return `http://${host}:${port}`;
}

/** Options that the admin socket shares: what a stranger may send is bounded before any code of ours sees it. */
export function createStrictServer(
  limits: ListenerLimits,
  exchanges: Exchanges,
  options: Pick<ServerOptions, "shouldUpgradeCallback"> = {},
): Server {
  const server = createServer({
    ...options,
    headersTimeout: limits.headersTimeoutMs,
    // A body may take as long as its function's deadline allows; every other body is discarded with a bound.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(1_000, limits.headersTimeoutMs),
    keepAliveTimeout: 60_000,
    maxHeaderSize: limits.maxHeaderBytes,
    insecureHTTPParser: false,
    // Checked in request-headers.ts, which answers with a problem document.
    requireHostHeader: false,
    noDelay: true,
  });
  server.maxConnections = limits.maxConnections;
  // Every pipelined request watches its socket.
  server.on("connection", (socket) => socket.setMaxListeners(0));
  refuseConnect(server, exchanges);
  return server;
}

export function listenerOf(server: Server, url: string): Listener {
  const closed = new Promise<void>((resolve) => server.once("close", resolve));
  return {
    url,
    stopAccepting: () => {
      // http's own close() would cut idle keep-alive connections under a request that is on its way.
      if (server.listening) NetServer.prototype.close.call(server);
    },
    close: async () => {
      server.close();
      const timer = setTimeout(() => server.closeAllConnections(), closeMs);
      await closed;
      clearTimeout(timer);
    },
  };
}

/** @throws TsfnError REQUEST_MALFORMED and what a route throws */
async function answer(parts: PublicParts, exchange: Exchange): Promise<void> {
  const { request } = exchange;
  try {
    if (request.method === "TRACE") throw new TsfnError("METHOD_NOT_ALLOWED", "TRACE is refused");
    const route = publicRoute(parts.runtime, exchange.authority, parseTarget(request.url ?? "").pathAndQuery);
    if (route.kind === "function") return await invoke(parts, exchange, route);
    await answerHealth(parts.exchanges, exchange);
    await endRequest(exchange);
  } catch (thrown) {
    await refuse(exchange, asTsfnError(thrown));
  }
}

async function answerHealth(exchanges: Exchanges, { request, response, requestId }: Exchange): Promise<void> {
  if (exchanges.refusal !== null) throw exchanges.refusal;
  if (request.method !== "GET" && request.method !== "HEAD") {
    throw new TsfnError(
      "METHOD_NOT_ALLOWED",
      `The method is ${shown(request.method ?? "")}; /healthz wants GET or HEAD`,
    );
  }
  response.writeHead(200, { "Content-Type": "text/plain", "Content-Length": 3, "X-Request-Id": requestId }).end("ok\n");
}

async function refuse(exchange: Exchange, error: TsfnError): Promise<void> {
  await sendProblem(exchange, error);
  await endRequest(exchange);
}

/** What nobody reads of it is thrown away, within bounds. */
async function endRequest({ request }: Exchange): Promise<void> {
  if (!(await discardRest(request, 2 ** 20, closeMs))) request.socket.destroy();
}

async function listen(server: Server, { host, port }: Address, flag: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => reject(listenFailed(cause, `${host}:${port}`, flag)));
    server.listen({ host, port, backlog: 4_096 }, () => {
      server.removeAllListeners("error");
      resolve();
    });
  });
}

function listenFailed(cause: Error, address: string, flag: string): TsfnError {
  const failed = (why: string, hint: string) =>
    new TsfnError("LISTEN_FAILED", `Cannot listen on ${address}: ${why}`, { hint, cause });
  if (isErrno(cause, "EADDRINUSE")) {
    return failed("another process listens there", `Find it with: ss -ltnp; or choose another address with ${flag}`);
  }
  if (isErrno(cause, "EACCES")) {
    return failed("the server runs without privileges", `Choose a port from 1024 with ${flag}`);
  }
  if (isErrno(cause, "EADDRNOTAVAIL") || isErrno(cause, "ENOTFOUND")) {
    return failed("no interface of this machine has it", `Choose another with ${flag}, such as 127.0.0.1:8080`);
  }
  return failed(cause.message, `Choose another with ${flag}`);
}
