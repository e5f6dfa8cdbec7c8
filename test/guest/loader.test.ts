// How a module's exports become a handler.

import test from "ava";
import { handlerOf } from "../../runtime/guest/loader.ts";

const anything = () => undefined;

test("default.fetch is chosen before exports named after methods", (t) => {
  t.is(handlerOf({ default: { fetch: anything }, GET: anything }).kind, "fetch");
  t.is(handlerOf({ default: Object.assign(() => undefined, { fetch: anything }) }).kind, "fetch");
});

test("only functions named after methods count", (t) => {
  const handler = handlerOf({ GET: anything, POST: "text", get: anything, PUT: anything });
  t.deepEqual(handler.kind === "methods" && [...handler.methods.keys()], ["GET", "PUT"]);
});

test("what is no handler is refused with what is wanted", (t) => {
  for (const module of [null, undefined, 1, {}, { default: null }, { default: {} }, { GET: 1 }]) {
    t.throws(() => handlerOf(module), { name: "LoadError", message: /wanted `export default \{ fetch/ });
  }
  t.throws(() => handlerOf({ default: anything }), { message: /ambiguous/ });
  t.throws(() => handlerOf({ handler: anything }), { message: /not available yet/ });
});
