// WebSockets through the gateway: to functions with `ws` as it is on npm, from `ws` as the client.

import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import test from "ava";
import { WebSocket } from "ws";
import { packagedDirectory } from "../support/bundled-function.ts";
import { example } from "../support/function-directory.ts";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/until.ts";

const echo = (tail: string) => `import { createServer } from "node:http"; import { WebSocketServer } from "ws";
  const server = createServer((req, res) => res.end("plain " + String(req.headers.upgrade)));
  const sockets = new WebSocketServer({ server });
  sockets.on("connection", (socket, request) => {
    socket.send("at " + request.url);
    socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
    socket.on("close", (code) => console.log("closed with", code));
  });
  ${tail}`;

const shapes = {
  listens: { source: echo("server.listen(process.env.PORT);"), manifest: {} },
  exports: { source: echo("export default server;"), manifest: { handler: "node" } },
};

async function deploy(
  t: Parameters<typeof packagedDirectory>[0],
  server: Server,
  shape: keyof typeof shapes,
  more = {},
) {
  const { source, manifest } = shapes[shape];
  await server.deploy(
    packagedDirectory(t, { "tsfn.json": JSON.stringify({ name: shape, ...manifest, ...more }), "index.ts": source }),
  );
}

const urlOf = (server: Server, name: string) => `${server.url().replace("http", "ws")}/function/${name}/room?a=1`;

async function open(url: string): Promise<{ socket: WebSocket; greeting: string }> {
  const socket = new WebSocket(url);
  socket.on("error", () => {});
  const [greeting] = await once(socket, "message");
  return { socket, greeting: String(greeting) };
}

test.serial("text and binary messages go both ways, and a close arrives with its code", async (t) => {
  const server = await startServer(t);
  for (const name of ["listens", "exports"] as const) {
    await deploy(t, server, name);
    const { socket, greeting } = await open(urlOf(server, name));
    t.is(greeting, "at /room?a=1");
    const big = Buffer.alloc(1_000_000, "abc");
    socket.send(big);
    const [data, isBinary] = await once(socket, "message");
    t.true(isBinary && big.equals(data as Buffer));
    socket.send("text");
    t.is(String((await once(socket, "message"))[0]), "text");
    socket.close(4001, "enough");
    t.deepEqual((await once(socket, "close"))[0], 4001);
    await until("the function saw the close", async () =>
      (await server.cli(["logs", name])).stdout.includes("closed with 4001"),
    );
    t.is(await (await server.fetch(`/function/${name}`)).text(), "plain undefined");
  }
});

test.serial("the deadline, a restart and the body limit end a connection; the function answers on", async (t) => {
  const server = await startServer(t);
  await deploy(t, server, "listens", { limits: { timeout: "2s", body: "100kb" } });
  const late = await open(urlOf(server, "listens"));
  await once(late.socket, "close");
  const greedy = await open(urlOf(server, "listens"));
  greedy.socket.send(Buffer.alloc(200_000));
  await once(greedy.socket, "close");
  const held = await open(urlOf(server, "listens"));
  const closed = once(held.socket, "close");
  t.is((await server.cli(["restart", "listens"])).code, 0);
  await closed;
  t.is(await (await server.fetch("/function/listens")).text(), "plain undefined");
});

test.serial(
  "a function that does not take the upgrade answers it as an ordinary request, and the connection ends",
  async (t) => {
    const server = await startServer(t);
    await server.deploy(example("echo"));
    const { hostname, port } = new URL(server.url());
    const socket = connect(Number(port), hostname);
    const lines = ["GET /function/echo HTTP/1.1", "Host: h", "Connection: Upgrade", "Upgrade: websocket"];
    socket.write(
      `${[...lines, "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="].join("\r\n")}\r\n\r\n`,
    );
    const answer = await text(socket);
    t.regex(answer, /^HTTP\/1\.1 200 OK\r\n/);
    t.regex(answer, /\r\nConnection: close\r\n/i);
  },
);
