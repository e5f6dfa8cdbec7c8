// The floor of a warm call: node:http answering with a constant, without even the fetch handler's Request and Response.
// Prints its port when it listens. JavaScript, so that no type has to be stripped first.

import { createServer } from "node:http";

const body = Buffer.from("pong");

const server = createServer((_incoming, outgoing) => {
  outgoing.writeHead(200, { "content-type": "text/plain;charset=UTF-8", "content-length": body.length });
  outgoing.end(body);
});

server.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));
