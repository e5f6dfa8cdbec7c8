// The guest's Response against Node's own: the same in everything that a function can see, and it knows its text.

import test from "ava";
import { installKnownResponse, knownTextOf } from "../../runtime/guest/known-response.ts";

const Native = globalThis.Response;
installKnownResponse();

const made: Readonly<Record<string, (of: typeof Native) => Response>> = {
  "a text": (R) => new R("text"),
  nothing: (R) => new R(),
  null: (R) => new R(null, { status: 204 }),
  "a text with headers": (R) =>
    new R("t", { status: 418, statusText: "Teapot", headers: { "content-type": "a/b", x: "1" } }),
  bytes: (R) => new R(new Uint8Array([104, 105])),
  "a stream": (R) => new R(new Blob(["stream"]).stream()),
  "a form": (R) => new R(new URLSearchParams({ a: "b" })),
  "a lone surrogate": (R) => new R("\ud800"),
  JSON: (R) => R.json({ a: [1, "ü"] }),
  "JSON with a status": (R) => R.json([1], { status: 201 }),
  "JSON with headers": (R) =>
    R.json(null, {
      headers: [
        ["set-cookie", "a"],
        ["set-cookie", "b"],
      ],
    }),
  "JSON of its own type": (R) => R.json({}, { headers: new Headers({ "content-type": "application/problem+json" }) }),
  "JSON like another response": (R) => R.json({}, new Native("", { status: 202, headers: { y: "2" } })),
  "a redirect": (R) => R.redirect("http://h/", 307),
  "an error": (R) => R.error(),
  "a status that may have no body": (R) => new R("x", { status: 204 }),
  "a status beyond HTTP": (R) => new R("x", { status: 99 }),
  "JSON that is none": (R) => R.json(undefined),
  "JSON in a circle": (R) => {
    const circle: unknown[] = [];
    circle.push(circle);
    return R.json(circle);
  },
  "JSON where no body may be": (R) => R.json({}, { status: 304 }),
};

for (const [what, make] of Object.entries(made)) {
  test(`${what}: the same as Node's own`, async (t) => {
    t.deepEqual(await seen(() => make(Response)), await seen(() => make(Native)));
  });
}

test("what fetch and clones come to is a Response, and so is what extends it; nothing else is", (t) => {
  class Mine extends Response {}
  const mine = new Mine("x");
  t.true(mine instanceof Response && mine instanceof Mine);
  t.false(new Response("x") instanceof Mine);
  t.true(new Native("x") instanceof Response);
  t.true(new Response("x").clone() instanceof Response);
  t.true(Response.error() instanceof Response);
  t.false(Object.create(null) instanceof Response);
  t.is(new Native("x").constructor, Response);
  t.is(Response.name, "Response");
  t.is(Object.prototype.toString.call(new Response("x")), "[object Response]");
  t.deepEqual(Object.keys(new Response("x")), []);
});

test("the text is known only of a response that is its own and was made of one", (t) => {
  class Loud extends Response {}
  Object.defineProperty(Loud.prototype, "body", { get: () => new Blob(["LOUD"]).stream() });
  t.is(knownTextOf(new Response("text")), "text");
  t.is(knownTextOf(Response.json({ a: 1 })), '{"a":1}');
  t.is(knownTextOf(new Loud("quiet")), null);
  t.is(knownTextOf(new Response(new Uint8Array(1))), null);
  t.is(knownTextOf(new Native("x")), null);
  t.is(knownTextOf({}), null);
  t.is(Reflect.get(Response, "textOf"), undefined);
});

/** Everything about it, or how making it failed. */
async function seen(make: () => Response): Promise<unknown> {
  try {
    const response = make();
    const { status, statusText, ok, type, url, redirected, bodyUsed } = response;
    const headers = [...response.headers];
    const copy = await response.clone().text();
    const text = await response.text();
    return { status, statusText, ok, type, url, redirected, bodyUsed, headers, copy, text, used: response.bodyUsed };
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : error;
  }
}
