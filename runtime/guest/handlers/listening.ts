// Servers that listen on $PORT. An http.Server of Node's is not bound to a port at all: its `listen` succeeds at once, and
// calls reach it over connections within the process, so it can be loaded in a zygote and forked. Whatever else listens
// there (a child process, a server in native code) is found by connecting to the port.

import { Server as HttpServer } from "node:http";
import { connect, Server as NetServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const lookEveryMs = 20;

export interface PortWatch {
  /** The server that listens on $PORT in this process, or null. */
  readonly server: HttpServer | null;
  /** Ports that http servers listen on although nobody calls them there. */
  readonly otherPorts: readonly number[];
  /** Resolves with true once $PORT is listened on, here or elsewhere in the sandbox; with false after `patienceMs`. */
  opened(patienceMs: number): Promise<boolean>;
  /** From now on `listen` does what Node says it does. */
  stop(): void;
}

/** The Lambda Web Adapter's name for it comes first, for functions that were written for that. */
export function portOf(env: NodeJS.ProcessEnv): number {
  return Number(env.AWS_LWA_PORT ?? env.PORT ?? 8080);
}

/** Before the function's code is loaded. */
export function watchPort(port: number): PortWatch {
  const { listen } = NetServer.prototype;
  const servers = new Set<HttpServer>();
  const otherPorts = new Set<number>();
  NetServer.prototype.listen = function (this: NetServer, ...args: unknown[]) {
    const wanted = portAsked(args);
    if (!(this instanceof HttpServer) || wanted === null) return Reflect.apply(listen, this, args);
    if (wanted !== port) {
      otherPorts.add(wanted);
      return Reflect.apply(listen, this, args);
    }
    const callback = args.at(-1);
    pretendToListen(this, port, servers);
    if (typeof callback === "function") this.once("listening", () => Reflect.apply(callback, this, []));
    process.nextTick(() => this.emit("listening"));
    return this;
  } as typeof listen;
  const server = () => servers.values().next().value ?? null;
  return {
    get server() {
      return server();
    },
    get otherPorts() {
      return [...otherPorts];
    },
    async opened(patienceMs) {
      for (let waitedMs = 0; ; waitedMs += lookEveryMs) {
        if (server() !== null || (await accepts(port))) return true;
        if (waitedMs >= patienceMs) return false;
        await sleep(lookEveryMs);
      }
    },
    stop() {
      NetServer.prototype.listen = listen;
    },
  };
}

/** A connection to whoever listens on the port. */
export function connectToPort(port: number): Socket {
  return connect({ host: "127.0.0.1", port });
}

/** null for a path, a descriptor or a handle. */
function portAsked([first]: readonly unknown[]): number | null {
  const asked = typeof first === "object" && first !== null && "port" in first ? first.port : first;
  if (typeof asked === "number") return asked;
  return typeof asked === "string" && /^\d+$/.test(asked) ? Number(asked) : null;
}

function pretendToListen(server: HttpServer, port: number, servers: Set<HttpServer>): void {
  servers.add(server);
  const close = server.close.bind(server);
  Object.defineProperty(server, "listening", { configurable: true, get: () => servers.has(server) });
  server.address = () => (servers.has(server) ? { address: "127.0.0.1", family: "IPv4", port } : null);
  server.close = (callback) => {
    if (!servers.delete(server)) return close(callback);
    server.closeIdleConnections();
    if (callback !== undefined) server.once("close", callback);
    process.nextTick(() => server.emit("close"));
    return server;
  };
}

async function accepts(port: number): Promise<boolean> {
  const socket = connectToPort(port);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  socket.once("connect", () => resolve(true));
  // Refused, most likely: it does not listen yet.
  socket.once("error", () => resolve(false));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}
