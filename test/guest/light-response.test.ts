// The guest's Response against Node's own: the same in everything that a function can see, and light while nobody looks.

import { inspect } from "node:util";
import test from "ava";
import { installLightResponse, lightAnswerOf } from "../../runtime/guest/light-response.ts";

const Native = globalThis.Response;
installLightResponse();

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
  "null as what it is made with": (R) => new R("x", null as unknown as ResponseInit),
  "a number as what it is made with": (R) => new R("x", 7 as unknown as ResponseInit),
  "a status that is a text": (R) => new R("x", { status: "201" as unknown as number }),
  "a status text that is null": (R) => new R("x", { statusText: null as unknown as string }),
  "JSON of nothing": (R) => Reflect.apply(R.json, R, []),
  "a status text": (R) => new R("x", { statusText: "Fine" }),
  "a header that HTTP does not know": (R) => new R("x", { headers: { "a b": "c" } }),
  "headers that are none": (R) => new R("x", { headers: 7 as unknown as Headers }),
  "made like another response": (R) => new R("y", new Native("x", { status: 202, headers: { z: "3" } })),
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
  t.is(Object.getPrototypeOf(Response), Function.prototype);
  t.true(["error", "json", "redirect"].every((name) => Object.hasOwn(Response, name)));
  t.is(Response.json.length, 1);
  t.throws(() => structuredClone(new Response("x")), { name: "DataCloneError" });
  t.is(Object.prototype.toString.call(new Response("x")), "[object Response]");
  t.deepEqual(Object.keys(new Response("x")), []);
});

test("it is light only while nobody has read, copied or changed it, and never when it extends Response", (t) => {
  class Loud extends Response {}
  Object.defineProperty(Loud.prototype, "body", { get: () => new Blob(["LOUD"]).stream() });
  t.deepEqual(lightAnswerOf(new Response("text")), {
    status: 200,
    headers: ["content-type", "text/plain;charset=UTF-8"],
    text: "text",
  });
  t.deepEqual(lightAnswerOf(Response.json({ a: 1 }, { status: 201 })), {
    status: 201,
    headers: ["content-type", "application/json"],
    text: '{"a":1}',
  });
  t.deepEqual(lightAnswerOf(new Response(null, { status: 204, headers: { Y: "2", x: "1" } })), {
    status: 204,
    headers: ["x", "1", "y", "2"],
    text: null,
  });
  t.deepEqual(lightAnswerOf(new Response("", { headers: { "Content-Type": "a/b" } }))?.headers, [
    "content-type",
    "a/b",
  ]);
  for (const look of [(r: Response) => r.headers, (r: Response) => r.body, (r: Response) => r.clone()]) {
    const response = new Response("text");
    look(response);
    t.is(lightAnswerOf(response), null);
  }
  for (const other of [new Loud("quiet"), new Response(new Uint8Array(1)), new Native("x"), {}, null, "text"]) {
    t.is(lightAnswerOf(other), null);
  }
});

test("a header that is set on it is there, and stays there", async (t) => {
  const response = Response.json({ a: 1 });
  response.headers.set("x-late", "yes");
  const { headers } = response;
  t.deepEqual([...response.clone().headers], [...headers]);
  t.is(headers.get("x-late"), "yes");
  t.deepEqual(await response.json(), { a: 1 });
  t.is(response.headers, headers);
  await t.throwsAsync(response.text(), { name: "TypeError" });
});

test("methods and getters of the prototype work on light ones too", async (t) => {
  const { text } = Response.prototype;
  t.is(await text.call(new Response("taken off")), "taken off");
  t.is(Object.getOwnPropertyDescriptor(Response.prototype, "status")?.get?.call(new Response("x")), 200);
  t.throws(() => Object.getOwnPropertyDescriptor(Response.prototype, "status")?.get?.call({}), { name: "TypeError" });
  t.is(Response.prototype.text.name, "text");
  t.regex(inspect(new Response("x")), /^Response \{/);
  t.throws(() => Reflect.apply(Response, undefined, ["x"]), { name: "TypeError" });
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
