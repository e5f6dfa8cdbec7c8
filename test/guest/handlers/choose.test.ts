// How a module's exports become a handler.

import { createServer } from "node:http";
import test from "ava";
import { chooseHandler, type Surroundings } from "../../../runtime/guest/handlers/index.ts";
import type { Init } from "../../../runtime/wire/index.ts";
import { bundled } from "../../support/bundled-function.ts";
import { startFunction, textOf } from "../../support/live-function.ts";

const anything = () => undefined;
const withCallback = (_event: unknown, _context: unknown, _callback: unknown) => undefined;

function choose(module: unknown, wanted: Init["handler"] = "auto", around: Partial<Surroundings> = {}) {
  const nothing = { server: null, otherPorts: [], opened: async () => false, stop: () => {} };
  return chooseHandler(module, wanted, {
    port: 8080,
    listening: nothing,
    framework: { handler: () => null },
    env: {},
    ...around,
  });
}

const listens = { server: createServer(), otherPorts: [], opened: async () => true, stop: () => {} };

test("each shape is known by what the module exports or does", async (t) => {
  const shapes = [
    ["fetch", { default: { fetch: anything } }, {}],
    ["fetch", { default: Object.assign(() => undefined, { fetch: anything }) }, {}],
    ["fetch", { GET: anything }, {}],
    ["fetch", { default: { GET: anything } }, {}],
    ["fetch", { default: { fetch: anything }, GET: anything }, { listening: listens }],
    ["lambda", { handler: anything }, {}],
    ["lambda", { default: { handler: anything } }, {}],
    ["server", {}, { listening: listens }],
    ["server", { default: anything }, { listening: listens }],
  ] as const;
  for (const [shape, module, around] of shapes) t.is((await choose(module, "auto", around)).shape, shape);
});

test("a shape that is asked for is what the module has, whatever else it exports", async (t) => {
  const module = { default: Object.assign(() => undefined, { fetch: anything }), handler: anything };
  t.is((await choose(module, "fetch")).shape, "fetch");
  t.is((await choose(module, "lambda")).shape, "lambda");
  t.is((await choose(module, "node")).shape, "node");
  t.is((await choose({ default: createServer() }, "node")).shape, "node");
  t.is((await choose({ default: { hello: anything } }, "node", { env: { FUNCTION_TARGET: "hello" } })).shape, "node");
});

test("what is no handler is refused with what is wanted", async (t) => {
  for (const module of [{ default: null }, { default: {} }, { GET: 1 }, { get: anything }]) {
    await t.throwsAsync(choose(module), { name: "LoadError", message: /wanted `export default \{ fetch/ });
  }
  for (const module of [null, undefined, 1, {}]) {
    await t.throwsAsync(choose(module), {
      message: /exports nothing and does not listen on PORT, which is 8080\. Write/,
    });
  }
  const elsewhere = { ...listens, otherPorts: [3000], opened: async () => false };
  await t.throwsAsync(choose({}, "server", { listening: elsewhere }), { message: /It listens on 3000\./ });
  await t.throwsAsync(choose({ default: anything }, "fetch"), { message: /exports default; wanted/ });
  await t.throwsAsync(choose({ default: anything }, "lambda"), { message: /wanted `export const handler/ });
  await t.throwsAsync(choose({ default: {} }, "node"), { message: /wanted `export default \(req, res\)/ });
});

test("what could be called in two ways is refused with a line for each", async (t) => {
  const bare = await t.throwsAsync(choose({ default: anything }));
  t.regex(bare?.message ?? "", /ambiguous.*\n +export default \{ fetch: handler \};.*\n +"handler": "node"/);
  const both = await t.throwsAsync(choose({ default: { fetch: anything }, handler: anything }));
  t.regex(both?.message ?? "", /"handler": "fetch".*\n +"handler": "lambda"/);
});

test("what a CommonJS module exports is known as what an ES module does", async (t) => {
  const methods = await bundled(t, `exports.GET = () => new Response("got"); exports.limit = 3;`, "index.js");
  const { call } = await startFunction(t, methods);
  t.is(await textOf(await call()), "got");
  t.is((await call({ method: "POST" })).status, 405);
  const event = await bundled(t, `exports.handler = async () => "called";`, "index.js");
  t.is(await textOf(await (await startFunction(t, event)).call()), "called");
});

test("a Lambda handler that wants a callback is refused, as on Node 24 of Lambda", async (t) => {
  await t.throwsAsync(choose({ handler: withCallback }), { message: /takes 3 arguments: callbacks are gone/ });
});
