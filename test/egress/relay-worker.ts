// A worker thread full of relays in every state that a connection can be in, for relay.test.ts: it ends them all at once, or
// leaves them to the end of the process.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { relay } from "../../runtime/egress/relay.ts";
import { reset } from "../../runtime/egress/reset.ts";

const perState = 12;
const held: Socket[] = [];
const inners: Socket[] = [];

async function listen(server: Server, backlog?: number): Promise<number> {
  server.listen({ host: "127.0.0.1", port: 0, ...(backlog !== undefined && { backlog }) });
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

const keep = (socket: Socket): void => {
  socket.on("error", () => {});
  held.push(socket);
};
const far = await listen(createServer({ allowHalfOpen: true }, (socket) => keep(socket.resume())));
// It never reads, so that what is sent to it waits.
const deaf = await listen(createServer({ allowHalfOpen: true, pauseOnConnect: true }, keep));
// From TEST-NET-1, where nobody answers; what has no route there fails, which is a state as well.
const silent = { address: "192.0.2.1", port: 9 };

const targets = [
  { address: "127.0.0.1", port: far },
  { address: "127.0.0.1", port: deaf },
  ...(workerData.isAlone ? [silent] : []),
];
let next = 0;
const near = createServer({ allowHalfOpen: true }, (inner) => {
  inner.on("error", () => {});
  inners.push(inner);
  const target = targets[next++ % targets.length];
  if (target === undefined) return;
  relay({
    inner,
    ...target,
    connectTimeoutMs: 60_000,
    idleTimeoutMs: 60_000,
    lingerTimeoutMs: 60_000,
    failed: () => {},
    isAllowedFrom: () => true,
  });
});
const port = await listen(near);

const clients = Array.from({ length: targets.length * perState }, () => {
  const client = connect({ host: "127.0.0.1", port, allowHalfOpen: true });
  keep(client);
  return client;
});
await Promise.all(clients.map((client) => once(client, "connect")));
clients.forEach((client, index) => {
  if (index % 3 === 0) client.end("half");
  if (index % 3 === 1) client.write(Buffer.alloc(4 * 2 ** 20));
});
await new Promise((resolve) => setTimeout(resolve, 200));
if (workerData.ending !== "none") {
  // Ends that are only just on their way, and resets in the same turn.
  for (const inner of inners) inner.end();
  await new Promise((resolve) => (workerData.ending === "later" ? setImmediate(resolve) : process.nextTick(resolve)));
  for (const inner of inners) reset(inner);
}
parentPort?.postMessage("ready");
