// (req, res) functions and the apps made of them: Node's own HTTP server semantics, seen from the caller.

import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import test from "ava";
import { bundled } from "../../support/bundled-function.ts";
import { bodyOf, startFunction, textOf, until } from "../../support/live-function.ts";

const node = { handler: "node" } as const;

test("a (req, res) function gets the request as Node's server would have it", async (t) => {
  const { call } = await startFunction(
    t,
    `export default async (req, res) => {
      const chunks = [];
      for await (const chunk of req) chunks.push(chunk);
      res.setHeader("Set-Cookie", ["a=1", "b=2, c"]);
      res.writeHead(201, "Made", { "X-Seen": "yes" });
      res.end(JSON.stringify({
        method: req.method, url: req.url, raw: req.rawHeaders, body: Buffer.concat(chunks).toString(),
        version: req.httpVersion, from: req.socket.remoteAddress,
      }));
    };`,
    node,
  );
  const headers = ["host", "h:1", "x-a", "1", "x-a", "2", "x-forwarded-for", "192.0.2.7", "content-length", "5"];
  const answer = await call({ method: "PUT", url: "http://h:1/a%20b?c=%20", headers, body: bodyOf("hel", "lo") });
  t.is(answer.status, 201);
  const seen = JSON.parse(await textOf(answer));
  t.like(seen, { method: "PUT", url: "/a%20b?c=%20", body: "hello", version: "1.1", from: "192.0.2.7" });
  t.deepEqual(seen.raw.slice(0, headers.length), headers);
  t.deepEqual(valuesOf(answer.headers, "set-cookie"), ["a=1", "b=2, c"]);
  t.deepEqual(valuesOf(answer.headers, "x-seen"), ["yes"]);
  for (const name of ["connection", "transfer-encoding", "keep-alive"]) t.deepEqual(valuesOf(answer.headers, name), []);
});

test("the bytes of a header are what the client sent, in Latin-1 as on Node's server, with a body and without", async (t) => {
  const source =
    "export default (req, res) => { res.setHeader('x-seen', req.headers['x-name']); res.end(Buffer.from('x')); };";
  const { call } = await startFunction(t, source, node);
  for (const name of ["M\xfcller", Buffer.from("M\xfcller").toString("latin1")]) {
    const headers = ["host", "h", "x-name", name];
    t.deepEqual(valuesOf((await call({ headers })).headers, "x-seen"), [name]);
    t.deepEqual(valuesOf((await call({ headers, body: bodyOf("x") })).headers, "x-seen"), [name]);
  }
});

test("HEAD, 204 and 304 have no body, and GET may have one", async (t) => {
  const source = `export default async (req, res) => {
    const chunks = [];
    for await (const chunk of req) chunks.push(chunk);
    res.statusCode = Number(req.url.slice(1));
    res.end(Buffer.concat([Buffer.from("got "), ...chunks]));
  };`;
  const { call } = await startFunction(t, source, node);
  t.is((await call({ method: "HEAD", url: "http://h/200" })).body, null);
  t.is((await call({ url: "http://h/204" })).body, null);
  t.is((await call({ url: "http://h/304" })).body, null);
  t.is(await textOf(await call({ method: "GET", url: "http://h/200", body: bodyOf("this") })), "got this");
  t.is(await textOf(await call({ method: "POST", url: "http://h/200" })), "got ");
});

test("both bodies stream with backpressure: 64 MiB go through a pipe byte for byte", async (t) => {
  const { call } = await startFunction(t, `export default (req, res) => void req.pipe(res);`, node);
  const piece = Buffer.alloc(2 ** 20, "0123456789abcdef-");
  const sent = createHash("sha256");
  const pieces = Array.from({ length: 64 }, () => piece);
  for (const each of pieces) sent.update(each);
  const { body } = await call({ method: "POST", body: bodyOf(...pieces) });
  const received = createHash("sha256");
  for await (const chunk of body ?? []) received.update(chunk);
  t.is(received.digest("hex"), sent.digest("hex"));
});

test("what is written reaches the caller before the answer is complete", async (t) => {
  const source = `export default (req, res) => {
    res.writeHead(200, { "content-type": "text/event-stream" });
    res.write("data: 1\\n\\n");
    req.on("data", (piece) => res.write("data: " + piece + "\\n\\n"));
    req.on("end", () => res.end());
  };`;
  const { call } = await startFunction(t, source, node);
  const upload = new Readable({ read: () => {} });
  const { body } = await call({ method: "POST", body: upload });
  const events = (body as Readable).setEncoding("utf8")[Symbol.asyncIterator]();
  t.is((await events.next()).value, "data: 1\n\n");
  upload.push("two");
  t.is((await events.next()).value, "data: two\n\n");
  upload.push(null);
  t.true((await events.next()).done);
});

test("an error that is thrown, now or later, is the call's own, and the next call is answered", async (t) => {
  const source = `export default (req, res) => {
    if (req.url === "/now") throw new TypeError("thrown now");
    if (req.url === "/later") return Promise.reject(new TypeError("thrown later"));
    if (req.url === "/after") { res.end("done"); return Promise.reject(new TypeError("thrown after")); }
    if (req.url === "/broken") { res.setHeader("content-length", "100"); res.write("short"); setTimeout(() => res.destroy(), 20); return; }
    res.end("well");
  };`;
  const { call, lines } = await startFunction(t, source, node);
  await t.throwsAsync(call({ url: "http://h/now" }), { code: "FUNCTION_ERROR" });
  await t.throwsAsync(call({ url: "http://h/later" }), { code: "FUNCTION_ERROR" });
  t.is(await textOf(await call({ url: "http://h/after" })), "done");
  await until(() => ["now", "later", "after"].every((when) => lines.some(({ msg }) => msg.includes(`thrown ${when}`))));
  await t.throwsAsync(async () => await textOf(await call({ url: "http://h/broken" })));
  t.is(await textOf(await call({ url: "http://h/" })), "well");
});

test("a client that leaves closes the connection of its request, and no other", async (t) => {
  const source = `export default (req, res) => {
    if (req.url === "/fast") return void res.end("fast");
    res.on("close", () => console.log("closed", res.writableFinished));
    console.log("waiting");
  };`;
  const { call, lines } = await startFunction(t, source, { ...node, concurrency: 2 });
  const client = new AbortController();
  const left = t.throwsAsync(call({ url: "http://h/slow", signal: client.signal, requestId: "slow" }));
  await until(() => lines.some(({ msg }) => msg === "waiting"));
  t.is(await textOf(await call({ url: "http://h/fast" })), "fast");
  client.abort(new Error("gone"));
  await left;
  await until(() => lines.some(({ msg, requestId }) => msg === "closed false" && requestId === "slow"));
  t.is(await textOf(await call({ url: "http://h/fast" })), "fast");
});

test("lines are attributed to the request they are printed for, also when requests overlap", async (t) => {
  const source = `export default async (req, res) => {
    console.log("first", req.url);
    await new Promise((resolve) => setTimeout(resolve, 30));
    console.log("second", req.url);
    res.end();
  };`;
  const { call, lines } = await startFunction(t, source, { ...node, concurrency: 8 });
  const ids = ["a", "b", "c", "d"];
  await Promise.all(ids.map((id) => call({ url: `http://h/${id}`, requestId: id })));
  await until(() => lines.length >= 8);
  for (const { msg, requestId } of lines) t.is(requestId, msg.slice(-1));
});

test("an Express app answers with its middleware, its routes and its own errors", async (t) => {
  const source = `import express from "express";
    const app = express();
    app.use(express.json());
    app.get("/users/:id", (req, res) => { res.cookie("seen", "1"); res.json({ id: req.params.id, q: req.query.q, ip: req.ip }); });
    app.post("/sum", (req, res) => { res.json({ sum: req.body.a + req.body.b }); });
    app.get("/fail", () => { throw new Error("in a route"); });
    export default app;`;
  const { call } = await startFunction(t, await bundled(t, source), node);
  const got = await call({ url: "http://h/users/7?q=x", headers: ["host", "h"] });
  t.deepEqual(JSON.parse(await textOf(got)), { id: "7", q: "x", ip: "127.0.0.1" });
  t.deepEqual(valuesOf(got.headers, "set-cookie"), ["seen=1; Path=/"]);
  const json = ["content-type", "application/json", "content-length", "13"];
  const sum = await call({ method: "POST", url: "http://h/sum", headers: json, body: bodyOf(`{"a":1,"b":2}`) });
  t.deepEqual(JSON.parse(await textOf(sum)), { sum: 3 });
  t.is((await call({ url: "http://h/nowhere" })).status, 404);
  t.is((await call({ url: "http://h/fail" })).status, 500);
});

test("an http.Server that does not listen answers too", async (t) => {
  const source = `import { createServer } from "node:http";
    export default createServer((req, res) => res.end("served " + req.url));`;
  const { call } = await startFunction(t, source, node);
  t.is(await textOf(await call({ url: "http://h/x" })), "served /x");
});

function valuesOf(headers: readonly string[], name: string): string[] {
  return headers.filter((_, at) => at % 2 === 1 && headers[at - 1] === name);
}
