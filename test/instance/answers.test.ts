// What a caller gets from a function that behaves: shapes of handlers, requests, responses and the context.

import { Readable } from "node:stream";
import test from "ava";
import { TsfnError } from "../../runtime/errors.ts";
import { toDaemon } from "../../runtime/wire/index.ts";
import { bodyOf, startFunction, textOf, until } from "../support/live-function.ts";

const handler = (body: string) => `export default { async fetch(request, env, ctx) { ${body} } };`;

test("a fetch handler sees the request and its answer comes back whole", async (t) => {
  const { call } = await startFunction(
    t,
    handler(`
      const seen = { method: request.method, url: request.url, x: request.headers.get("x-a"), body: await request.text() };
      return Response.json(seen, { status: 201, headers: { "x-b": "2" } });
    `),
  );
  const answer = await call({ url: "http://h/a?b=c", headers: ["x-a", "1"], body: bodyOf("hel", "lo") });
  t.is(answer.status, 201);
  t.deepEqual(JSON.parse(await textOf(answer)), { method: "POST", url: "http://h/a?b=c", x: "1", body: "hello" });
  t.deepEqual(answer.headers, ["content-type", "application/json", "x-b", "2"]);
  t.is(answer.version, 3);
});

test("every Set-Cookie is a header of its own", async (t) => {
  const { call } = await startFunction(
    t,
    handler(`return new Response("", { headers: [["set-cookie", "a=1"], ["set-cookie", "b=2, c"]] });`),
  );
  const { headers } = await call();
  t.deepEqual(headers, ["content-type", "text/plain;charset=UTF-8", "set-cookie", "a=1", "set-cookie", "b=2, c"]);
});

test("fetch is called on the object that has it, so that a framework's instance works", async (t) => {
  const source = `class App { #name = "app"; async fetch() { return new Response(this.#name); } } export default new App();`;
  const { call } = await startFunction(t, source);
  t.is(await textOf(await call()), "app");
});

test("exports named after methods answer those; HEAD falls back to GET, OPTIONS lists them, others get 405", async (t) => {
  const source = `
    export const GET = (request) => new Response("got " + request.method);
    export function POST() { return new Response("posted"); }`;
  const { call } = await startFunction(t, source);
  t.is(await textOf(await call()), "got GET");
  t.is(await textOf(await call({ method: "POST" })), "posted");
  const head = await call({ method: "HEAD" });
  t.is(head.body, null);
  const options = await call({ method: "OPTIONS" });
  t.is(options.status, 204);
  t.deepEqual(options.headers, ["allow", "GET, POST, OPTIONS, HEAD"]);
  const refused = await call({ method: "DELETE" });
  t.is(refused.status, 405);
  t.deepEqual(refused.headers, ["allow", "GET, POST, OPTIONS, HEAD"]);
});

test("answers to HEAD and with 204, 205 and 304 have no body", async (t) => {
  const { call } = await startFunction(
    t,
    handler(
      `return new Response(request.method === "HEAD" ? "x" : null, { status: +new URL(request.url).search.slice(1) });`,
    ),
  );
  for (const status of [204, 205, 304]) t.is((await call({ url: `http://h/?${status}` })).body, null);
  t.is((await call({ method: "HEAD", url: "http://h/?200" })).body, null);
});

test("a body on GET is swallowed and does not stop the next call", async (t) => {
  const { call } = await startFunction(t, handler(`return new Response(String(request.body));`));
  t.is(await textOf(await call({ method: "GET", body: bodyOf("x".repeat(400_000)) })), "null");
  t.is(await textOf(await call()), "null");
});

test("the environment is the manifest's and tsfn's, in env and in process.env, and nothing of the server's", async (t) => {
  const source = handler(`return Response.json([env, { ...process.env }]);`);
  const { call, instance } = await startFunction(t, source, { env: { GREETING: "hi" } });
  const [env, processEnv] = JSON.parse(await textOf(await call()));
  t.deepEqual(env, processEnv);
  t.deepEqual(env, {
    PATH: "/usr/local/bin:/usr/bin:/bin",
    HOME: "/tmp",
    LANG: "C.UTF-8",
    GREETING: "hi",
    TSFN_FUNCTION_NAME: "test",
    TSFN_FUNCTION_VERSION: "3",
    TSFN_INSTANCE_ID: instance.id,
    TSFN_MEMORY_MB: "256",
    TSFN_TIMEOUT_MS: "30000",
    K_SERVICE: "test",
    K_REVISION: "test-3",
    FUNCTION_TARGET: "test",
    PORT: "8080",
  });
});

test("node:os and process tell the limits, not the host", async (t) => {
  const source = `import os, { cpus, totalmem } from "node:os";
    ${handler(`return Response.json([cpus().length, os.availableParallelism(), totalmem(), os.freemem() < os.totalmem(),
      process.constrainedMemory(), navigator.hardwareConcurrency]);`)}`;
  const { call } = await startFunction(t, source, { limits: { cpus: 2.5 } });
  const bytes = 256 * 2 ** 20;
  t.deepEqual(JSON.parse(await textOf(await call())), [3, 3, bytes, true, bytes, 3]);
});

test("ctx tells the request id and the time left", async (t) => {
  const { call } = await startFunction(
    t,
    handler(`
      const left = ctx.remainingMs();
      return Response.json([ctx.requestId, left > 0 && left <= 5000, ctx.deadline instanceof Date, ctx.signal.aborted]);
    `),
    { limits: { timeoutMs: 5_000 } },
  );
  t.deepEqual(JSON.parse(await textOf(await call({ requestId: "r-1" }))), ["r-1", true, true, false]);
});

test("waitUntil keeps the invocation open after its answer, and a rejection is logged", async (t) => {
  const { call, instance, reports, lines } = await startFunction(
    t,
    handler(`
      let finish;
      globalThis.finish ??= [];
      if (request.method === "POST") { globalThis.finish.forEach((f) => f()); return new Response("told"); }
      ctx.waitUntil(new Promise((resolve) => globalThis.finish.push(resolve)));
      ctx.waitUntil(Promise.reject(new Error("later")));
      return new Response("early");
    `),
    { concurrency: 2 },
  );
  t.is(await textOf(await call({ requestId: "a" })), "early");
  t.is(instance.inFlight, 1);
  t.deepEqual(reports, []);
  t.is(await textOf(await call({ method: "POST", requestId: "b" })), "told");
  await until(() => instance.inFlight === 0);
  t.deepEqual(reports.map(({ requestId, outcome }) => `${requestId} ${outcome}`).sort(), ["a ok", "b ok"]);
  t.true(lines.some(({ msg, requestId }) => msg.includes("waitUntil: Error: later") && requestId === "a"));
});

test("a Response of another make is sent, with a body that has its methods only when it is asked", async (t) => {
  // As @whatwg-node/node-fetch makes them, and so GraphQL Yoga.
  const { call } = await startFunction(
    t,
    handler(`
      const { body } = new Response("of another make");
      const get = (_, name) => (typeof body[name] === "function" ? body[name].bind(body) : body[name]);
      return { status: 201, headers: new Map([["X-Make", "another"]]), body: new Proxy({}, { get }) };
    `),
  );
  const answer = await call();
  t.is(answer.status, 201);
  t.deepEqual(answer.headers, ["x-make", "another"]);
  t.is(await textOf(answer), "of another make");
});

test("a Response as node-fetch makes them, whose body is a stream of Node, is an answer", async (t) => {
  const source = `
    import { Readable } from "node:stream";
    const gone = Promise.withResolvers();
    const bodies = {
      whole: () => Readable.from([Buffer.from("of "), Buffer.from("Node")]),
      endless: () => new Readable({ read() { this.push(Buffer.alloc(1024)); }, destroy(e, done) { gone.resolve(); done(); } }),
      broken: () => new Readable({ read() { this.destroy(new Error("upstream left")); } }),
    };
    export default { async fetch(request) {
      const path = new URL(request.url).pathname.slice(1);
      if (path === "gone") { await gone.promise; return new Response("gone"); }
      return { status: 203, headers: new Map([["X-Make", "node-fetch"]]), body: bodies[path](), bodyUsed: false };
    } };`;
  const { call } = await startFunction(t, source);
  const answer = await call({ url: "http://h/whole" });
  t.is(answer.status, 203);
  t.deepEqual(answer.headers, ["x-make", "node-fetch"]);
  t.is(await textOf(answer), "of Node");
  const { body } = await call({ url: "http://h/endless" });
  if (body instanceof Readable) body.destroy();
  t.is(await textOf(await call({ url: "http://h/gone" })), "gone");
  const error = await t.throwsAsync(async () => textOf(await call({ url: "http://h/broken" })), {
    instanceOf: TsfnError,
  });
  t.like(error?.fields, { thrown: { message: "upstream left" } });
});

test("what cannot be sent as a response is FUNCTION_BAD_RESPONSE, says why, and leaves the instance in use", async (t) => {
  const source = `
    const used = new Response("x"); await used.text();
    const answers = {
      nothing: () => undefined,
      text: () => "hello",
      used: () => used,
      status: () => Response.error(),
      fake: () => ({ status: 101, headers: new Headers(), body: null }),
      header: () => ({ status: 200, headers: [["x", "a\\r\\nb: c"]], body: null }),
      many: () => new Response("", { headers: Array.from({ length: 1100 }, (_, i) => ["x-" + i, "1"]) }),
      large: () => new Response("", { headers: { x: "y".repeat(70000) } }),
    };
    export default { fetch: (request) => answers[new URL(request.url).pathname.slice(1)]?.() ?? (request.url.endsWith("nothing") ? undefined : new Response("fine")) };`;
  const { call, instance } = await startFunction(t, source);
  const wanted: Record<string, RegExp> = {
    nothing: /returned undefined; wanted a Response/,
    text: /returned "hello"; wanted a Response/,
    used: /body was already used/,
    status: /the status is 0; wanted 200 to 599/,
    fake: /the status is 101/,
    header: /the header x holds a character/,
    many: /1101 headers|1100 headers/,
    large: /wanted at most 65536/,
  };
  for (const [path, message] of Object.entries(wanted)) {
    const error = await t.throwsAsync(call({ url: `http://h/${path}` }), { instanceOf: TsfnError, message }, path);
    t.is(error?.code, "FUNCTION_BAD_RESPONSE");
  }
  t.is(await textOf(await call({ url: "http://h/ok" })), "fine");
  t.is(instance.state, "ready");
});

test("a function that replaces globals harms only itself", async (t) => {
  const { call } = await startFunction(
    t,
    `const { Response: Own } = globalThis;
     globalThis.Response = class Fake {}; globalThis.Request = null; console.log = null;
     export default { async fetch(request) { return new Own(await request.text()); } };`,
  );
  t.is(await textOf(await call({ body: bodyOf("still here") })), "still here");
});

for (const end of ["retire", "kill"] as const) {
  test(`one that waits for the layer when its instance is to ${end} has not begun: ${end === "retire" ? "it is given back" : "it fails"}`, async (t) => {
    const source = `import { writeSync } from "node:fs";
      // That its layer was written to: a frame of the kind that says so.
      const dirty = Buffer.from([5, 0, 0, 0, ${toDaemon.dirty}, 0, 0, 0, 0]);
      export default { fetch() { writeSync(3, dirty); return new Response("written"); } };`;
    const live = await startFunction(t, source, { concurrency: 2 });
    const gate = Promise.withResolvers<void>();
    Object.assign(live.instance.sandbox, { resetLayer: () => gate.promise });
    t.is(await textOf(await live.call()), "written");
    await until(() => live.instance.layer.swappingSinceMs !== null);
    const late = live.call();
    late.catch(() => {});
    const gone = live.instance[end]();
    gate.resolve();
    if (end === "kill") await t.throwsAsync(late, { code: "FUNCTION_CRASHED" });
    await gone;
    t.is(live.events.filter((event) => event === "returned").length, end === "retire" ? 1 : 0);
    t.is(live.reports.length, end === "retire" ? 1 : 2, "each that the instance kept is told of");
  });
}
