// How a module's exports become a handler.

import test from "ava";
import { chooseHandler } from "../../../runtime/guest/handlers/index.ts";

const anything = () => undefined;

test("default.fetch is chosen before exports named after methods", (t) => {
  t.is(chooseHandler({ default: { fetch: anything }, GET: anything }, "auto").shape, "fetch");
  t.is(chooseHandler({ default: Object.assign(() => undefined, { fetch: anything }) }, "auto").shape, "fetch");
});

test("what is no handler is refused with what is wanted", (t) => {
  for (const module of [null, undefined, 1, {}, { default: null }, { default: {} }, { GET: 1 }]) {
    t.throws(() => chooseHandler(module, "auto"), { name: "LoadError", message: /wanted `export default \{ fetch/ });
  }
  t.throws(() => chooseHandler({ default: anything }, "auto"), { message: /ambiguous/ });
  t.throws(() => chooseHandler({ handler: anything }, "auto"), { message: /not available yet/ });
});
