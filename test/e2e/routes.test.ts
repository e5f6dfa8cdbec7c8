// Custom routes on a whole server: they outlive it, and WebSockets go over them.

import { once } from "node:events";
import test from "ava";
import { WebSocket } from "ws";
import { packagedDirectory } from "../support/bundled-function.ts";
import { functionOf } from "../support/function-directory.ts";
import { startServer } from "../support/server.ts";

test.serial("routes are there after a kill -9 and a restart, before any instance is", async (t) => {
  const server = await startServer(t);
  await server.deploy(functionOf(t, { name: "kept", routes: ["/kept/*"] }, "return new Response(request.url);"));
  t.is(await (await server.fetch("/kept/1?a=b")).text(), `${server.url()}/kept/1?a=b`);
  server.kill9("tsfnd");
  await server.start();
  const answer = await server.fetch("/kept/2");
  t.is(answer.headers.get("x-tsfn-cold"), "1");
  t.is(await answer.text(), `${server.url()}/kept/2`);
  t.is((await server.cli(["deploy", functionOf(t, { name: "thief", routes: ["/kept/*"] }, "")])).code, 6);
  t.is((await server.cli(["rm", "kept"])).code, 0);
  t.is((await server.fetch("/kept/3")).status, 404);
});

test.serial("a WebSocket opens over a custom host and path", async (t) => {
  const server = await startServer(t);
  const source = `import { createServer } from "node:http"; import { WebSocketServer } from "ws";
    const server = createServer();
    new WebSocketServer({ server }).on("connection", (socket, request) => {
      socket.send("at " + request.headers.host + request.url);
      socket.on("message", (data, isBinary) => socket.send(data, { binary: isBinary }));
    });
    server.listen(process.env.PORT);`;
  const routes = [{ host: "chat.example.com", path: "/rooms/*" }];
  await server.deploy(
    packagedDirectory(t, { "tsfn.json": JSON.stringify({ name: "chat", routes }), "index.ts": source }),
  );
  const socket = new WebSocket(`${server.url().replace("http", "ws")}/rooms/1?a=1`, {
    headers: { host: "chat.example.com" },
  });
  t.teardown(() => socket.terminate());
  t.is(String((await once(socket, "message"))[0]), "at chat.example.com/rooms/1?a=1");
  socket.send("hello");
  t.is(String((await once(socket, "message"))[0]), "hello");
  socket.close(4001);
  t.is((await once(socket, "close"))[0], 4001);
});
