// The floor of a cold start: the plainest HTTP server that answers with a function's bundle, and nothing else. Run as
// `node bare-node.js <bundle> [<where>]`. Where is host:port (127.0.0.1:0), and it prints its port when it listens; or the path
// of a unix socket, which is there when it listens. JavaScript, so that no type has to be stripped first.

import { renameSync } from "node:fs";
import { createServer } from "node:http";
import { resolve } from "node:path";

const [bundle, where = "127.0.0.1:0"] = process.argv.slice(2);
const { default: handler } = await import(resolve(bundle));

const server = createServer(async (incoming, outgoing) => {
  const request = new Request(`http://${incoming.headers.host}${incoming.url}`, { method: incoming.method });
  const response = await handler.fetch(request, process.env, {});
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  outgoing.end(Buffer.from(await response.arrayBuffer()));
});

if (where.startsWith("/")) {
  // Bound, it would be there a moment before it listens.
  server.listen(`${where}.new`, () => renameSync(`${where}.new`, where));
} else {
  const [host, port] = where.split(":");
  server.listen(Number(port), host, () => process.stdout.write(`${server.address().port}\n`));
}
