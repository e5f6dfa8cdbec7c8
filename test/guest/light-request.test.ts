// The guest's Request against Node's own: the same in everything that a function can see.

import { inspect } from "node:util";
import test from "ava";
import { installLightRequest, lightRequest } from "../../runtime/guest/light-request.ts";

const Native = globalThis.Request;
installLightRequest();

const url = "http://localhost:8080/a b?c=d#e";
const headers = ["host", "localhost:8080", "x-a", "1", "x-a", "2", "content-type", "application/json"];
const pairs = [0, 2, 4, 6].map((at): [string, string] => [headers[at] ?? "", headers[at + 1] ?? ""]);
const streamOf = (text: string | null) => (text === null ? null : new Blob([text]).stream());

interface Asked {
  readonly method: string;
  readonly text: string | null;
}

function both({ method, text }: Asked, signal = new AbortController().signal): readonly [Request, Request] {
  const native = new Native(url, { method, headers: pairs, body: streamOf(text), signal, duplex: "half" });
  return [lightRequest({ method, url, headers, body: () => streamOf(text), signal: () => signal }), native];
}

const get: Asked = { method: "GET", text: null };
const post: Asked = { method: "POST", text: '{"a":1}' };

const looks: Readonly<Record<string, (request: Request) => unknown>> = {
  "its plain properties": ({
    method,
    url: own,
    destination,
    referrer,
    mode,
    credentials,
    cache,
    redirect,
    keepalive,
  }) => ({
    ...{ method, own, destination, referrer, mode, credentials, cache, redirect, keepalive },
  }),
  "its headers": (request) => [...request.headers],
  text: async (request) => [request.bodyUsed, await request.text(), request.bodyUsed],
  json: (request) => request.json(),
  bytes: async (request) => [...(await request.bytes())],
  "a blob's type": async (request) => (await request.blob()).type,
  "a form that is none": (request) => request.formData(),
  "a type that is set late is a blob's": async (request) => {
    const { body } = request;
    request.headers.set("content-type", "text/late");
    return [body === request.body, (await request.blob()).type];
  },
  "a type that is set late says how a form is read": async (request) => {
    request.clone();
    request.headers.set("content-type", "application/x-www-form-urlencoded");
    return [...(await request.formData())];
  },
  "what is defined on it is not in its copies": async (request) => {
    Object.defineProperty(request, "headers", { value: { "x-own": "yes" } });
    Object.defineProperty(request, "url", { value: "/own" });
    Object.defineProperty(request, "method", { value: "OWN" });
    const { method, url: own, headers } = new Request(request, { body: request.body === null ? null : "another" });
    return [method, own, [...headers], [...request.clone().headers], (await request.blob()).type];
  },
  "its body, twice": async (request) => {
    const { body } = request;
    return [body === request.body, await request.text(), await request.text()];
  },
  "a clone and then itself": async (request) => {
    const clone = request.clone();
    return [await clone.text(), await request.text(), [...clone.headers], clone.method, clone.url];
  },
  "a copy takes the body along": async (request) => {
    const copy = new Request(request, { headers: { x: "new" } });
    return [await copy.text(), request.bodyUsed, [...copy.headers], copy.method];
  },
  "a copy of one that was read": async (request) => {
    await request.text();
    return new Request(request).bodyUsed;
  },
  "a copy of one that was read, with another body": async (request) => {
    await request.text();
    const copy = new Request(request, { method: "PUT", body: "another" });
    return [await copy.text(), [...copy.headers], copy.method, copy.url];
  },
  "a copy with another body leaves it its own": async (request) => {
    const copy = new Request(request, { method: "PUT", body: "another" });
    return [await copy.text(), request.bodyUsed, await request.text()];
  },
  "a copy without another body takes it along": async (request) => {
    const copy = new Request(request, { body: null });
    return [await copy.text(), request.bodyUsed];
  },
  "a copy under another URL": async (request) => {
    const copy = new Request("http://other/", request);
    return [await copy.text(), [...copy.headers], copy.method, copy.url, request.bodyUsed];
  },
  "what cannot be cloned": (request) => structuredClone(request),
  "what it is spread into": (request) => Object.keys({ ...request }),
  "what is put onto it": (request) => Object.keys(Object.assign(request, { params: {} })),
  "a copy of one whose headers were changed": (request) => {
    request.headers.set("x-late", "yes");
    return [[...new Request(request).headers], request.headers.get("x-late")];
  },
  "a clone of one whose headers were changed": (request) => {
    request.headers.delete("x-a");
    return [...request.clone().headers];
  },
  "methods taken off the prototype": async (request) => await Request.prototype.text.call(request),
  "what it is": (request) => [
    request instanceof Request,
    request instanceof Native,
    request.constructor === Request,
    Object.prototype.toString.call(request),
    Object.keys(request),
  ],
};

for (const [what, look] of Object.entries(looks)) {
  for (const asked of [get, post]) {
    test(`${asked.method}: ${what}: the same as Node's own`, async (t) => {
      const [light, native] = both(asked);
      t.deepEqual(await seen(light, look), await seen(native, look));
    });
  }
}

test("a URL is as Node writes it, and headers are the same object every time", (t) => {
  const [light] = both(get);
  t.is(light.url, "http://localhost:8080/a%20b?c=d#e");
  t.is(light.headers, light.headers);
  t.is(light.headers.get("x-a"), "1, 2");
  t.regex(inspect(light), /^Request \{/);
});

test("its signal is the call's, and aborts what was made of it", async (t) => {
  const controller = new AbortController();
  const [light] = both(post, controller.signal);
  t.is(light.signal, controller.signal);
  const copies = [light.clone(), new Request(light)];
  controller.abort(new Error("the client left"));
  for (const copy of copies) t.is(copy.signal.reason.message, "the client left");
});

test("fetch sends one on with its method, headers and body", async (t) => {
  const { createServer } = await import("node:http");
  const server = createServer((request, response) => {
    request.on("data", (chunk) => response.write(chunk));
    request.on("end", () => response.end(` ${request.method} ${request.headers["x-a"]}`));
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", resolve));
  t.teardown(() => server.close());
  const address = server.address();
  const port = typeof address === "object" ? address?.port : 0;
  const light = lightRequest({
    method: "POST",
    url: `http://127.0.0.1:${port}/`,
    headers: ["x-a", "1"],
    body: () => streamOf("sent"),
    signal: () => new AbortController().signal,
  });
  const answer = await fetch(light);
  t.is(await answer.text(), "sent POST 1");
});

test("Request can be made, extended, and not called", (t) => {
  class Mine extends Request {}
  const mine = new Mine("http://h/", { method: "PUT" });
  t.true(mine instanceof Request && mine instanceof Mine);
  t.is(mine.method, "PUT");
  t.is(new Request("http://h/").constructor, Request);
  t.is(Request.name, "Request");
  t.is(Object.getPrototypeOf(Request), Function.prototype);
  t.deepEqual([fetch.name, fetch.length], ["fetch", 1]);
  t.throws(() => Reflect.apply(Request, undefined, ["http://h/"]), { name: "TypeError" });
  t.throws(() => Reflect.construct(Request, []), { name: "TypeError" });
});

async function seen(request: Request, look: (request: Request) => unknown): Promise<unknown> {
  try {
    return await look(request);
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : error;
  }
}
