// Apps as people write them, with unmodified packages from npm, deployed to a real server: each is loaded once, forked, and
// answers. The finer points of the shapes are in test/guest/handlers.

import test from "ava";
import { CloudEvent, HTTP } from "cloudevents";
import { packagedDirectory } from "../support/bundled-function.ts";
import { type Server, startServer } from "../support/server.ts";

interface App {
  readonly name: string;
  readonly manifest?: Readonly<Record<string, unknown>>;
  readonly source: string;
  /** Where it cannot be forked once it is loaded, the reason that is shown. */
  readonly reason?: RegExp;
  readonly check: (call: Call) => Promise<unknown>;
  readonly answer: unknown;
}

type Call = (path: string, init?: RequestInit) => Promise<Response>;

const json = { method: "POST", headers: { "content-type": "application/json" }, body: `{"a":1,"b":2}` };
const sum: App["check"] = async (call) => (await call("/sum", json)).json();

const apps: readonly App[] = [
  {
    name: "hono",
    source: `import { Hono } from "hono"; import { logger } from "hono/logger";
      const app = new Hono(); app.use(logger());
      app.post("/sum", async (c) => { const { a, b } = await c.req.json(); return c.json({ sum: a + b }); });
      export default app;`,
    check: sum,
    answer: { sum: 3 },
  },
  {
    name: "express",
    manifest: { handler: "node" },
    source: `import express from "express";
      const app = express(); app.use(express.json());
      app.post("/sum", (req, res) => { res.json({ sum: req.body.a + req.body.b }); });
      export default app;`,
    check: sum,
    answer: { sum: 3 },
  },
  {
    name: "express-listening",
    source: `import express from "express";
      const app = express(); app.use(express.json());
      app.post("/sum", (req, res) => { res.json({ sum: req.body.a + req.body.b }); });
      app.listen(process.env.PORT);`,
    check: sum,
    answer: { sum: 3 },
  },
  {
    name: "fastify",
    source: `import Fastify from "fastify";
      const app = Fastify({ logger: true });
      app.post("/sum", async ({ body }) => ({ sum: body.a + body.b }));
      await app.listen({ port: Number(process.env.PORT) });`,
    check: sum,
    answer: { sum: 3 },
  },
  {
    name: "hono-node-server",
    source: `import { serve } from "@hono/node-server"; import { Hono } from "hono";
      const app = new Hono();
      app.post("/sum", async (c) => { const { a, b } = await c.req.json(); return c.json({ sum: a + b }); });
      serve({ fetch: app.fetch, port: Number(process.env.PORT) });`,
    check: sum,
    answer: { sum: 3 },
  },
  {
    name: "another-process",
    manifest: { handler: "server", limits: { memory: "256mb" } },
    source: `import { spawn } from "node:child_process";
      const program = 'require("node:http").createServer((q, r) => q.pipe(r)).listen(process.env.PORT, "127.0.0.1")';
      spawn(process.execPath, ["-e", program], { stdio: "inherit" });`,
    reason: /a child process/,
    check: async (call) => (await call("/", { method: "POST", body: "over the port" })).text(),
    answer: "over the port",
  },
  {
    name: "route",
    source: `export async function GET(request: Request) { return Response.json({ at: new URL(request.url).pathname }); }`,
    check: async (call) => (await call("/some/where")).json(),
    answer: { at: "/some/where" },
  },
  {
    name: "lambda",
    source: `export const handler = async (event: { body: string }) => {
      const { a, b } = JSON.parse(event.body);
      return { statusCode: 200, headers: { "content-type": "application/json" }, body: JSON.stringify({ sum: a + b }) };
    };`,
    check: sum,
    answer: { sum: 3 },
  },
  {
    name: "framework",
    source: `import { cloudEvent } from "@google-cloud/functions-framework";
      cloudEvent("made", (event: { data: unknown }) => console.log("made", event.data));`,
    check: async (call) => {
      const event = new CloudEvent({ type: "t", source: "/s", data: { n: 1 } });
      const statuses = [HTTP.binary(event), HTTP.structured(event)].map(async ({ headers, body }) => {
        const init = { method: "POST", headers: headers as Record<string, string>, body: String(body) };
        return (await call("/", init)).status;
      });
      return await Promise.all(statuses);
    },
    answer: [204, 204],
  },
  {
    name: "cloudevents",
    source: `import { HTTP } from "cloudevents";
      export default { async fetch(request: Request) {
        const event = HTTP.toEvent({ headers: Object.fromEntries(request.headers), body: await request.text() });
        return Response.json([event.id, event.type, event.data]);
      } };`,
    check: async (call) => {
      const event = new CloudEvent({ id: "e1", type: "t", source: "/s", data: { n: 1 } });
      const { headers, body } = HTTP.structured(event);
      return (
        await call("/", { method: "POST", headers: headers as Record<string, string>, body: String(body) })
      ).json();
    },
    answer: ["e1", "t", { n: 1 }],
  },
];

test.serial(`${apps.length} apps are deployed as they are, answer, and are forked once they are loaded`, async (t) => {
  const server = await startServer(t);
  for (const { name, source, manifest = {}, check, answer, reason } of apps) {
    const files = { "tsfn.json": JSON.stringify({ name, ...manifest }), "index.ts": source };
    await server.deploy(packagedDirectory(t, files));
    const call: Call = (path, init) => server.fetch(`/function/${name}${path}`, init);
    t.deepEqual(await check(call), answer, name);
    // Two at the same time: one of them in a clone that was forked for it.
    t.deepEqual(await Promise.all([check(call), check(call)]), [answer, answer], name);
    const prefork = await preforkOf(server, name);
    if (reason === undefined) t.deepEqual(prefork, { wanted: "function", mode: "function", reason: null }, name);
    else t.regex(prefork.reason ?? "", reason, name);
  }
});

async function preforkOf(server: Server, name: string) {
  const { stdout } = await server.cli(["inspect", name, "--json"]);
  return (JSON.parse(stdout) as { prefork: { wanted: string; mode: string; reason: string | null } }).prefork;
}
