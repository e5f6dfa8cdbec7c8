// Modules that listen on $PORT: apps of frameworks as they are, servers of other programs, and what is refused.

import test from "ava";
import { bundled } from "../../support/bundled-function.ts";
import { bodyOf, startFunction, textOf } from "../../support/live-function.ts";

test("a Fastify app that listens on $PORT is called, with its schema, its hooks and its errors", async (t) => {
  const source = `import Fastify from "fastify";
    const app = Fastify({ logger: { level: "info" } });
    app.get("/hello/:name", { schema: { querystring: { type: "object", properties: { n: { type: "integer" } } } } },
      async (request) => { request.log.info("asked"); return { hello: request.params.name, n: request.query.n, ip: request.ip }; });
    app.post("/sum", async (request) => ({ sum: request.body.a + request.body.b }));
    await app.listen({ port: Number(process.env.PORT), host: "0.0.0.0" });`;
  const { call } = await startFunction(t, await bundled(t, source));
  const hello = await call({ url: "http://h/hello/you?n=3" });
  t.deepEqual(JSON.parse(await textOf(hello)), { hello: "you", n: 3, ip: "127.0.0.1" });
  t.is((await call({ url: "http://h/hello/you?n=x" })).status, 400);
  const headers = ["content-type", "application/json", "content-length", "13"];
  const sum = await call({ method: "POST", url: "http://h/sum", headers, body: bodyOf(`{"a":1,"b":2}`) });
  t.deepEqual(JSON.parse(await textOf(sum)), { sum: 3 });
  t.is((await call({ url: "http://h/nowhere" })).status, 404);
});

test("Fastify's own default host, localhost, works as well", async (t) => {
  const source = `import Fastify from "fastify";
    const app = Fastify();
    app.get("/", async () => "local");
    app.listen({ port: Number(process.env.PORT) }, (error) => { if (error) throw error; });`;
  const { call } = await startFunction(t, await bundled(t, source));
  t.is(await textOf(await call()), "local");
});

test("Hono's node-server and Express's listen work as they are", async (t) => {
  const hono = `import { serve } from "@hono/node-server"; import { Hono } from "hono";
    const app = new Hono();
    app.post("/up", async (c) => c.text((await c.req.text()).toUpperCase()));
    serve({ fetch: app.fetch, port: Number(process.env.PORT) }, ({ port }) => console.log("listens on", port));`;
  const first = await startFunction(t, await bundled(t, hono));
  t.is(
    await textOf(await first.call({ method: "POST", url: "http://h/up", headers: ["host", "h"], body: bodyOf("x") })),
    "X",
  );
  t.true(first.lines.some(({ msg }) => msg === "listens on 8080"));
  const express = `import express from "express";
    const app = express();
    app.get("/", (req, res) => { res.send("express"); });
    const server = app.listen(process.env.PORT, () => console.log(JSON.stringify(server.address()), server.listening));`;
  const second = await startFunction(t, await bundled(t, express));
  t.is(await textOf(await second.call({ headers: ["host", "h"] })), "express");
  t.true(second.lines.some(({ msg }) => msg === `{"address":"127.0.0.1","family":"IPv4","port":8080} true`));
});

test("AWS_LWA_PORT comes before PORT, and both before 8080", async (t) => {
  const source = `import { createServer } from "node:http";
    createServer((req, res) => res.end(process.env.PORT)).listen(process.env.AWS_LWA_PORT ?? process.env.PORT);`;
  for (const env of [{}, { PORT: "9001" }, { AWS_LWA_PORT: "9002" }] as Record<string, string>[]) {
    const { call } = await startFunction(t, source, { env });
    t.is(await textOf(await call({ headers: ["host", "h"] })), env.PORT ?? "8080");
  }
});

test("a server that is no http.Server of this process is reached over its port", async (t) => {
  const port = 20_000 + Math.floor(Math.random() * 20_000);
  const source = `import { spawn } from "node:child_process";
    const program = 'require("node:http").createServer((q, r) => q.pipe(r)).listen(process.env.PORT, "127.0.0.1")';
    const child = spawn(process.execPath, ["-e", program], { stdio: "inherit" });
    process.on("exit", () => child.kill());`;
  const { call } = await startFunction(t, source, { handler: "server", env: { PORT: String(port) } });
  t.is(
    await textOf(await call({ method: "POST", headers: ["host", "h"], body: bodyOf("over ", "the port") })),
    "over the port",
  );
});

test("a module that listens elsewhere or not at all is refused with what is wanted", async (t) => {
  const elsewhere = `import { createServer } from "node:http"; createServer().listen(0, "127.0.0.1");`;
  await t.throwsAsync(startFunction(t, elsewhere), {
    code: "LOAD_FAILED",
    message: /does not listen on PORT, which is 8080\. It listens on 0\. Write one of/,
  });
  await t.throwsAsync(startFunction(t, `console.log("no more");`), { message: /exports nothing and does not listen/ });
});

test("what a server does not read of a request does not stop the next one", async (t) => {
  const source = `import { createServer } from "node:http";
    createServer((req, res) => res.end("unread")).listen(process.env.PORT);`;
  const { call } = await startFunction(t, source);
  for (let round = 0; round < 3; round += 1) {
    const body = bodyOf("x".repeat(1_000_000));
    t.is(await textOf(await call({ method: "POST", headers: ["host", "h"], body })), "unread");
  }
});
