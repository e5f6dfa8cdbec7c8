// Functions that answer what HTTP does not allow, from every shape: the client gets 502 or a clean answer, and the next answer
// on the same connection is right.

import test from "ava";
import { Client } from "undici";
import { functionDirectory } from "../support/function-directory.ts";
import { startServer } from "../support/server.ts";

/** A thing with the looks of a Response, so that nothing checks it before tsfn does. */
const fetchSource = `
const like = (status, headers, text) => ({ status, headers, body: text === null ? null : new Response(text).body });
const answers = {
  crlf: () => like(200, [["x-a", "1\\r\\nx-injected: 1"]], "x"),
  name: () => like(200, [["x a", "1"]], "x"),
  zero: () => like(0, [], "x"), low: () => like(99, [], "x"), upgrade: () => like(101, [["upgrade", "websocket"]], "x"),
  high: () => like(1000, [], "x"), word: () => like("200", [], "x"),
  nobody: () => like(204, [["content-length", "5"]], "hello"),
  longer: () => like(200, [["content-length", "1000"]], "hello"),
  shorter: () => like(200, [["content-length", "1"], ["transfer-encoding", "chunked"]], "hello"),
  cookies: () => like(200, Array.from({ length: 1000 }, (_, n) => ["set-cookie", "c" + n + "=1"]), "x"),
  toomany: () => like(200, Array.from({ length: 2000 }, (_, n) => ["x-" + n, "1"]), "x"),
  endless: () => like(200, [], new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(65536)) })),
  well: () => new Response("well"),
};
export default { fetch: (request) => answers[new URL(request.url).pathname.slice(1)]() };`;

const nodeSource = `
const answers = {
  zero: (res) => { res.statusCode = 0; res.end("x"); }, high: (res) => { res.statusCode = 1000; res.end("x"); },
  crlf: (res) => { res.socket.end("HTTP/1.1 200 OK\\r\\nx-a: 1\\r\\nContent-Length: 1\\r\\n\\r\\nxHTTP/1.1 200 OK\\r\\nx-injected: 1\\r\\nContent-Length: 0\\r\\n\\r\\n"); },
  noise: (res) => { res.socket.end("this is no HTTP"); },
  upgrade: (res) => { res.socket.end("HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n\\r\\n"); },
  longer: (res) => { res.setHeader("content-length", 1000); res.write("hello"); setTimeout(() => res.socket.destroy(), 20); },
  nobody: (res) => { res.statusCode = 204; res.end("hello"); },
  well: (res) => res.end("well"),
};
export default (req, res) => answers[req.url.slice(1)](res);`;

/** Statuses that are right; "broken" is a connection that ends before the answer does. */
const expected: Readonly<Record<string, Readonly<Record<string, readonly (number | "broken")[]>>>> = {
  fetch: {
    crlf: [502],
    name: [502],
    zero: [502],
    low: [502],
    upgrade: [502],
    high: [502],
    word: [502],
    nobody: [204],
    longer: [200],
    shorter: [200],
    cookies: [200],
    toomany: [502],
  },
  node: {
    zero: [500],
    high: [500],
    crlf: [200],
    noise: [500],
    upgrade: [502],
    longer: ["broken", 500],
    nobody: [204],
  },
};

test.serial(
  "every answer that HTTP does not allow ends as 502 or clean, and the next one on the connection is right",
  async (t) => {
    const server = await startServer(t);
    for (const [name, source] of [
      ["fetch", fetchSource],
      ["node", nodeSource],
    ] as const) {
      const manifest = JSON.stringify({ name, handler: name });
      await server.deploy(functionDirectory(t, { "tsfn.json": manifest, "index.js": source }));
      // One connection, as long as nothing ends it.
      const client = new Client(server.url(), { pipelining: 1 });
      const ask = async (path: string) => {
        const { statusCode, headers, body } = await client.request({
          method: "GET",
          path: `/function/${name}/${path}`,
        });
        return { status: statusCode, headers, text: await body.text() };
      };
      for (const [path, statuses] of Object.entries(expected[name] ?? {})) {
        const answer = await ask(path).catch(() => ({ status: "broken" as const, headers: {}, text: "" }));
        t.true(statuses.includes(answer.status), `${name} ${path}: ${answer.status} ${answer.text.slice(0, 200)}`);
        t.is(Reflect.get(answer.headers, "x-injected"), undefined, path);
        if (path === "longer" && answer.status === 200) t.is(answer.text, "hello");
        if (path === "shorter") t.is(answer.text, "hello");
        if (path === "cookies") t.is(Reflect.get(answer.headers, "set-cookie").length, 1_000);
        t.like(await ask("well"), { status: 200, text: "well" }, `${name} after ${path}`);
      }
      await client.close();
    }
  },
);

test.serial("a client that leaves an endless answer ends it, and the function answers the next call", async (t) => {
  const server = await startServer(t);
  await server.deploy(functionDirectory(t, { "tsfn.json": `{ "name": "fetch" }`, "index.js": fetchSource }));
  const response = await server.fetch("/function/fetch/endless");
  const reader = response.body?.getReader();
  t.true(((await reader?.read())?.value?.length ?? 0) > 0);
  await reader?.cancel();
  t.is(await (await server.fetch("/function/fetch/well")).text(), "well");
});
