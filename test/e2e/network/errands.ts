// A function that runs errands over the network: each call names one, and is answered with what came of it. As text, because
// it is deployed; errands.call is the test's side.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { functionDirectory, type Owner } from "../../support/function-directory.ts";
import type { Server } from "../../support/server.ts";

export interface Errands {
  /** Runs one in an instance of the function. */
  run<Result = string>(errand: string, options?: object): Promise<Result>;
}

/** A directory with the function and this manifest. */
export function errandsIn(t: Owner, manifest: { readonly name: string } & Readonly<Record<string, unknown>>): string {
  return functionDirectory(t, {
    "tsfn.json": JSON.stringify({ limits: { memory: "256mb", timeout: "60s" }, ...manifest }),
    "index.ts": source,
  });
}

export async function deployErrands(server: Server, directory: string): Promise<Errands> {
  await server.deploy(directory);
  const { name } = JSON.parse(readFileSync(join(directory, "tsfn.json"), "utf8")) as { name: string };
  return {
    async run(errand, options = {}) {
      const body = JSON.stringify({ errand, ...options });
      const response = await server.fetch(`/function/${name}`, { method: "POST", body });
      const text = await response.text();
      if (response.status !== 200) throw new Error(`${errand}: ${response.status} ${text}`);
      return JSON.parse(text);
    },
  };
}

const source = `
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import * as dns from "node:dns";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { setDefaultCACertificates } from "node:tls";

const held: Socket[] = [];
const codeOf = (error) => error.cause?.code ?? error.code ?? String(error);

function* pieces(bytes: number) {
  for (let at = 0, index = 0; at < bytes; index += 1) {
    const piece = Buffer.alloc(Math.min(65_536, bytes - at), index % 251);
    at += piece.length;
    yield piece;
  }
}

const errands = {
  async fetch({ url, authority }) {
    if (authority) setDefaultCACertificates([authority]);
    return await (await fetch(url)).json();
  },
  /** What comes back for what is sent, until the other side ends. */
  async talk({ host, port, text }) {
    const socket = connect({ host, port, allowHalfOpen: true });
    socket.end(text);
    let received = "";
    for await (const piece of socket) received += piece;
    return received;
  },
  /** Whether a connection is good for more than its beginning. */
  async reach({ host, port, from }) {
    const socket = connect({ host, port, localAddress: from });
    socket.write("GET / HTTP/1.0\\r\\n\\r\\n");
    const [piece] = await once(socket, "data");
    socket.destroy();
    return piece.toString().slice(0, 8);
  },
  async upload({ url, bytes }) {
    const hash = createHash("sha256");
    async function* hashed() {
      for (const piece of pieces(bytes)) {
        hash.update(piece);
        yield piece;
      }
    }
    const { sha256 } = await (await fetch(url, { method: "PUT", body: hashed(), duplex: "half" })).json();
    return sha256 === hash.digest("hex");
  },
  /** Whether they are those that were sent; reading begins only after a while. */
  async download({ url, bytes, pauseMs = 0 }) {
    const [expected, received] = [createHash("sha256"), createHash("sha256")];
    for (const piece of pieces(bytes)) expected.update(piece);
    const response = await fetch(url);
    await pause(pauseMs);
    for await (const piece of response.body) received.update(piece);
    return expected.digest("hex") === received.digest("hex");
  },
  lookup: async ({ host, family = 0 }) => (await dns.promises.lookup(host, { all: true, family })).map(({ address }) => address),
  resolve: ({ host, type = "A" }) => dns.promises.resolve(host, type),
  async datagram({ host, port }) {
    const socket = createSocket("udp4");
    await new Promise((done) => socket.connect(port, host, done));
    socket.send("hello");
    return String(await once(socket, "message"));
  },
  /** Keeps connections for later errands; how many still live after a while. */
  async hold({ host, port, count }) {
    const sockets = Array.from({ length: count }, () => connect({ host, port }));
    for (const socket of sockets) socket.on("error", () => {}).write("x");
    await Promise.allSettled(sockets.map((socket) => once(socket, "data")));
    held.push(...sockets.filter(({ destroyed }) => !destroyed));
    return held.length;
  },
  letGo: () => held.splice(0).map((socket) => socket.destroy()).length,
  reset: () => held.splice(0).map((socket) => socket.resetAndDestroy()).length,
  held: () => held.filter(({ destroyed }) => !destroyed).length,
  exit: () => process.exit(1),
  async listen({ host, port }) {
    const server = createServer().listen(port, host);
    await once(server, "listening");
    server.close();
    return "listening";
  },
  interfaces: () => Object.keys(networkInterfaces()),
  run: ({ program }) => execFileSync(program, { encoding: "utf8" }),
};

export default {
  async fetch(request: Request): Promise<Response> {
    const { errand, ...options } = await request.json();
    try {
      return Response.json(await errands[errand](options));
    } catch (error) {
      return Response.json(codeOf(error));
    }
  },
};
`;
