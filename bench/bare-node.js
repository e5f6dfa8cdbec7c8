// The floor of a cold start: the plainest HTTP server that answers with a function's bundle, and nothing else. Run as
// `node bare-node.js <bundle>`; prints its port when it listens. JavaScript, so that no type has to be stripped first.

import { createServer } from "node:http";

const { default: handler } = await import(process.argv[2]);

const server = createServer(async (incoming, outgoing) => {
  const request = new Request(`http://${incoming.headers.host}${incoming.url}`, { method: incoming.method });
  const response = await handler.fetch(request, process.env, {});
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
});

server.listen(0, "127.0.0.1", () => process.stdout.write(`${server.address().port}\n`));
