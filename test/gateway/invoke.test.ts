// Claims about one call through the gateway: what the function sees of the request, what the client sees of the answer,
// and what happens when either of them misbehaves.

import { once } from "node:events";
import { connect } from "node:net";
import { Readable } from "node:stream";
import test from "ava";
import { TsfnError } from "../../runtime/errors.ts";
import type { Invocation } from "../../runtime/invocation.ts";
import { answerOf, bodyLimitBytes, openTestGateway, parseResponses, readAll } from "../support/gateway.ts";

const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const get = (name: string, ...lines: string[]) =>
  `GET /function/${name} HTTP/1.1\r\nHost: a\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;
const last = "Connection: close";

function pairs(headers: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? "";
    found.set(name, [...(found.get(name) ?? []), headers[at + 1] ?? ""]);
  }
  return found;
}

test("a function sees the path after its name, and the client's host", async (t) => {
  const seen: string[] = [];
  const gateway = await openTestGateway(t, {
    hello: ({ url }) => {
      seen.push(url);
      return answerOf(null);
    },
  });
  for (const path of ["", "/", "/a/b?c=d&c=e", "?q=1", "//twice", "/%2e%2e/x"]) {
    await gateway.raw(get(`hello${path}`, last));
  }
  await gateway.raw(
    "GET http://proxied.example:99/function/%68ello/abs HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
  );
  t.deepEqual(seen, [
    "http://a/",
    "http://a/",
    "http://a/a/b?c=d&c=e",
    "http://a/?q=1",
    "http://a//twice",
    "http://a/%2e%2e/x",
    "http://proxied.example:99/abs",
  ]);
});

test("names that no function can have are 404, and nothing else happens", async (t) => {
  const gateway = await openTestGateway(t, { hello: () => answerOf("hi") });
  const names = ["..", "__proto__", "constructor", "x".repeat(300), "%2e%2e", "%", "%ff", "a%2fb", "HELLO", "%00", "é"];
  for (const name of names) {
    const [response] = parseResponses(await gateway.raw(get(encodeURI(name).replaceAll("%25", "%"), last)));
    t.is(response?.status, 404, name);
    const problem = JSON.parse(response?.body ?? "");
    t.is(problem.code, "FUNCTION_NOT_FOUND", name);
    t.true(problem.detail.length < 200, name);
  }
  t.is(parseResponses(await gateway.raw(get("hello", last)))[0]?.body, "hi");
  t.deepEqual(gateway.calls, [["hello", 200]]);
});

test("a function sees no hop-by-hop, reserved or forged header", async (t) => {
  let seen = new Map<string, string[]>();
  const gateway = await openTestGateway(t, {
    hello: ({ headers }) => {
      seen = pairs(headers);
      return answerOf(null);
    },
  });
  await gateway.raw(
    get(
      "hello/x",
      "Connection: close, X-Private",
      "X-Private: 1",
      "Keep-Alive: 5",
      "TE: trailers",
      "Upgrade: h2c",
      "Proxy-Authorization: Basic eA==",
      "X-Tsfn-Cold: 1",
      "x-TSFN-anything: 1",
      "Forwarded: for=6.6.6.6",
      "X-Forwarded-For: 6.6.6.6",
      "X-Forwarded-Proto: https",
      "X-Forwarded-Host: evil.example",
      "X-Forwarded-Prefix: /evil",
      "Tracestate: a=b",
      "Accept: a",
      "Accept: b",
      "Cookie: c=d",
    ),
  );
  const generated = ["x-request-id", "traceparent"];
  t.deepEqual(Object.fromEntries([...seen].filter(([name]) => !generated.includes(name))), {
    host: ["a"],
    accept: ["a", "b"],
    cookie: ["c=d"],
    forwarded: ['for=127.0.0.1;host="a";proto=http'],
    "x-forwarded-for": ["127.0.0.1"],
    "x-forwarded-proto": ["http"],
    "x-forwarded-host": ["a"],
    "x-forwarded-prefix": ["/function/hello"],
  });
  t.regex(seen.get("x-request-id")?.[0] ?? "", uuid7);
  t.regex(seen.get("traceparent")?.[0] ?? "", /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
});

test("a harmless request id is kept everywhere, any other is replaced", async (t) => {
  const seen: (string | undefined)[] = [];
  const gateway = await openTestGateway(t, {
    hello: ({ requestId, headers }) => {
      seen.push(requestId, pairs(headers).get("x-request-id")?.join());
      return answerOf(null);
    },
  });
  for (const sent of ["Ab.c_d-9", "x".repeat(128)]) {
    const [response] = parseResponses(await gateway.raw(get("hello", `X-Request-Id: ${sent}`, last)));
    t.true(response?.headers.includes(`x-request-id: ${sent}`));
    t.deepEqual(seen.splice(0), [sent, sent]);
  }
  for (const sent of ["x".repeat(129), "a b", "<script>", "", "é"]) {
    const [response] = parseResponses(await gateway.raw(get("hello", `X-Request-Id: ${sent}`, last)));
    const [id, header] = seen.splice(0);
    t.regex(id ?? "", uuid7, sent);
    t.is(header, id);
    t.true(response?.headers.includes(`x-request-id: ${id}`));
  }
  const [missing] = parseResponses(await gateway.raw(get("nobody", "X-Request-Id: mine", last)));
  t.true(missing?.headers.includes("x-request-id: mine"));
  t.is(JSON.parse(missing?.body ?? "").requestId, "mine");
});

test("a valid traceparent continues with its tracestate, an invalid one starts a new trace", async (t) => {
  let seen = new Map<string, string[]>();
  const gateway = await openTestGateway(t, {
    hello: ({ headers }) => {
      seen = pairs(headers);
      return answerOf(null);
    },
  });
  const valid = `00-${"ab".repeat(16)}-${"cd".repeat(8)}-01`;
  await gateway.raw(get("hello", `traceparent: ${valid}`, "tracestate: v=1", last));
  t.deepEqual([seen.get("traceparent"), seen.get("tracestate")], [[valid], ["v=1"]]);
  for (const invalid of [`00-${"0".repeat(32)}-${"cd".repeat(8)}-01`, `${valid}-more`, `ff${valid.slice(2)}`, "x"]) {
    await gateway.raw(get("hello", `traceparent: ${invalid}`, "tracestate: v=1", last));
    t.not(seen.get("traceparent")?.[0], invalid);
    t.is(seen.get("tracestate"), undefined);
  }
});

test("an answer carries its version, timing and coldness, and keeps every Set-Cookie", async (t) => {
  const headers = ["set-cookie", "a=1", "set-cookie", "b=2", "x-tsfn-cold", "0", "x-own", "yes", "keep-alive", "x"];
  const gateway = await openTestGateway(t, {
    hello: () => ({
      ...answerOf("hi", { status: 201, headers: [...headers, "connection", "x-secret", "x-secret", "s"], cold: true }),
      timing: { queueMs: 1, initMs: 2.345, execMs: 3 },
    }),
  });
  const [response] = parseResponses(await gateway.raw(get("hello", last)));
  t.is(response?.status, 201);
  const kept = response?.headers.filter((line) => !/^(date|x-request-id):/.test(line));
  t.deepEqual(kept?.sort(), [
    "connection: close",
    "content-length: 2",
    "server-timing: queue;dur=1.00, init;dur=2.35, exec;dur=3.00",
    "set-cookie: a=1",
    "set-cookie: b=2",
    "x-own: yes",
    "x-tsfn-cold: 1",
    "x-tsfn-version: 3",
  ]);
});

test("a Content-Length that lies never breaks the framing of the next answer", async (t) => {
  const lie = (value: string) => ["content-length", value, "transfer-encoding", "chunked"];
  const gateway = await openTestGateway(t, {
    long: () => answerOf("hi", { headers: lie("2000") }),
    short: () => answerOf("hi", { headers: lie("1") }),
    bad: () => answerOf("hi", { headers: lie("-1") }),
    empty: () => answerOf(null, { headers: lie("5") }),
    streamed: () => answerOf(Readable.from([Buffer.from("h"), Buffer.from("i")]), { headers: lie("9") }),
    after: () => answerOf("after"),
  });
  const names = ["long", "short", "bad", "empty", "streamed"];
  const requests = names.map((name) => get(name) + get("after")).join("") + get("after", last);
  t.deepEqual(
    parseResponses(await gateway.raw(requests)).map(({ body, complete }) => (complete ? body : "incomplete")),
    ["hi", "after", "hi", "after", "hi", "after", "", "after", "hi", "after", "after"],
  );
});

test("204, 304 and HEAD have no body, whatever the function sent", async (t) => {
  const gateway = await openTestGateway(t, {
    none: () => answerOf("body", { status: 204 }),
    same: () => answerOf("body", { status: 304, headers: ["content-length", "4", "etag", '"e"'] }),
    head: () => answerOf("body", { headers: ["content-length", "4"] }),
    after: () => answerOf("after"),
  });
  const head = get("head").replace("GET", "HEAD");
  const received = await gateway.raw(get("none") + get("same") + get("after") + head + get("nobody", last));
  const ends = received.split("\r\n\r\n");
  t.regex(ends[0] ?? "", /^HTTP\/1\.1 204 /);
  t.notRegex(ends[0] ?? "", /content-length|transfer-encoding/i);
  t.regex(ends[1] ?? "", /^HTTP\/1\.1 304 /);
  t.notRegex(ends[1] ?? "", /content-length|transfer-encoding/i);
  t.regex(ends[2] ?? "", /^HTTP\/1\.1 200 /);
  t.regex(ends[3] ?? "", /^afterHTTP\/1\.1 200 OK\r\n[\s\S]*content-length: 4/i);
  t.regex(ends[4] ?? "", /^HTTP\/1\.1 404 /);
});

test("a head that would break the client's framing is answered 502", async (t) => {
  const bad = [
    ["x-a", "b\r\nx-injected: 1"],
    ["x-a\r\nx-injected", "1"],
    ["x a", "1"],
    ["x", "\u0000"],
    ["x", "\u2028"],
  ];
  const gateway = await openTestGateway(t, {
    bad: ({ headers }) => answerOf("hi", { headers: bad[Number(pairs(headers).get("which")?.[0])] ?? [] }),
    status: () => answerOf("hi", { status: 99 }),
  });
  for (const which of bad.keys()) {
    const received = await gateway.raw(get("bad", `Which: ${which}`) + get("bad", `Which: ${which}`, last));
    const responses = parseResponses(received);
    t.deepEqual(
      responses.map(({ status }) => status),
      [502, 502],
    );
    t.is(JSON.parse(responses[0]?.body ?? "").code, "FUNCTION_BAD_RESPONSE");
    t.notRegex(received, /^x-injected/m);
  }
  t.is(parseResponses(await gateway.raw(get("status", last)))[0]?.status, 502);
});

test("errors of the runtime become problem documents, and an unexpected one tells the client nothing", async (t) => {
  const gateway = await openTestGateway(t, {
    full: () => {
      throw new TsfnError("CONCURRENCY_LIMIT", "The waiting line is full", { retryAfterS: 2.1, version: 3 });
    },
    broken: () => {
      throw new Error("secret: /var/lib/tsfn");
    },
  });
  const [full, broken] = parseResponses(await gateway.raw(get("full", "X-Request-Id: r1") + get("broken", last)));
  t.is(full?.status, 429);
  t.true(full?.headers.includes("retry-after: 3"));
  t.like(JSON.parse(full?.body ?? ""), { code: "CONCURRENCY_LIMIT", function: "full", version: 3, requestId: "r1" });
  t.is(broken?.status, 500);
  t.notRegex(broken?.body ?? "", /secret/);
  t.regex(gateway.logged.join(""), /secret/);
  t.deepEqual(gateway.calls, [
    ["full", 429],
    ["broken", 500],
  ]);
});

test("a body streams to the function and back, with its length unknown", async (t) => {
  const gateway = await openTestGateway(t, { echo: ({ body }) => answerOf(body) });
  const sent = Buffer.alloc(bodyLimitBytes, "0123456789");
  const chunks = new ReadableStream({
    start: (controller) => {
      for (let at = 0; at < sent.length; at += 10_000) controller.enqueue(sent.subarray(at, at + 10_000));
      controller.close();
    },
  });
  const init = { method: "POST", body: chunks, duplex: "half" as const };
  const response = await fetch(`${gateway.listener.url}/function/echo`, init);
  t.deepEqual(Buffer.from(await response.arrayBuffer()), sent);
});

test("a declared length over the limit is 413 before the function hears of it, without 100 Continue", async (t) => {
  const gateway = await openTestGateway(t, {
    echo: () => {
      t.fail("it reached the function");
      return answerOf(null);
    },
  });
  const head = (more = "") =>
    `POST /function/echo HTTP/1.1\r\nHost: a\r\nContent-Length: ${bodyLimitBytes + 1}\r\n${more}\r\n`;
  for (const bytes of [head("Expect: 100-continue\r\n"), head() + "x".repeat(bodyLimitBytes + 1)]) {
    const [response] = parseResponses(await gateway.raw(bytes));
    t.is(response?.status, 413);
    t.like(JSON.parse(response?.body ?? ""), { code: "BODY_TOO_LARGE", function: "echo" });
    t.true(response?.headers.includes("connection: close"));
  }
});

test("a chunked body over the limit is cut with 413 and cancels the invocation", async (t) => {
  const cancelled = Promise.withResolvers<unknown>();
  const gateway = await openTestGateway(t, {
    echo: async ({ body, signal }) => {
      signal.addEventListener("abort", () => cancelled.resolve(signal.reason));
      return answerOf(await readAll(body));
    },
  });
  const chunk = `2710\r\n${"x".repeat(10_000)}\r\n`;
  const received = await gateway.raw(
    `POST /function/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${chunk.repeat(11)}0\r\n\r\n`,
  );
  const [response, ...more] = parseResponses(received);
  t.is(response?.status, 413);
  t.is(more.length, 0);
  t.like(await cancelled.promise, { code: "BODY_TOO_LARGE" });
});

test("a client that expects 100 Continue gets it, and then its answer", async (t) => {
  const gateway = await openTestGateway(t, { echo: ({ body }) => answerOf(body) });
  const socket = connect(gateway.port, "127.0.0.1").setEncoding("latin1");
  socket.write(
    "POST /function/echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\n",
  );
  const [first] = await once(socket, "data");
  const interim = "HTTP/1.1 100 Continue\r\n\r\n";
  t.true(first.startsWith(interim));
  socket.write("body");
  const rest = await socket.toArray();
  t.is(parseResponses([first.slice(interim.length), ...rest].join(""))[0]?.body, "body");
});

test("a body that nobody reads does not disturb the next request of its connection", async (t) => {
  const gateway = await openTestGateway(t, { deaf: () => answerOf("deaf"), after: () => answerOf("after") });
  const post = (name: string, body: string) =>
    `POST /function/${name} HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  const smuggled = get("after").repeat(100);
  const received = await gateway.raw(post("deaf", smuggled) + post("nobody", smuggled) + get("after", last));
  t.deepEqual(
    parseResponses(received).map(({ status }) => status),
    [200, 404, 200],
  );
  t.deepEqual(gateway.calls, [
    ["deaf", 200],
    ["after", 200],
  ]);
});

test("a client that leaves cancels its invocation, also one that was pipelined behind another", async (t) => {
  const reasons: unknown[] = [];
  const cancelled = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  let waiting = 0;
  const gateway = await openTestGateway(t, {
    wait: async ({ signal }: Invocation) => {
      if (++waiting === 2) entered.resolve();
      await once(signal, "abort");
      if (reasons.push(signal.reason) === 2) cancelled.resolve();
      throw signal.reason;
    },
  });
  const socket = connect(gateway.port, "127.0.0.1");
  socket.write(get("wait") + get("wait"));
  await entered.promise;
  socket.destroy();
  await cancelled.promise;
  for (const reason of reasons) t.like(reason, { code: "CLIENT_CLOSED" });
  await gateway.exchanges.idle();
  while (gateway.calls.length < 2) await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(gateway.calls, [
    ["wait", 499],
    ["wait", 499],
  ]);
});

test("a client that leaves during the answer ends the function's body", async (t) => {
  const body = new Readable({ read: () => {} });
  body.push("first");
  const gateway = await openTestGateway(t, { stream: () => answerOf(body) });
  const socket = connect(gateway.port, "127.0.0.1");
  socket.write(get("stream"));
  await once(socket, "data");
  socket.destroy();
  const [error] = await once(body, "error").catch((thrown) => [thrown]);
  t.like(error, { code: "CLIENT_CLOSED" });
});

test("the head of a stream leaves before its first byte", async (t) => {
  const body = new Readable({ read: () => {} });
  const gateway = await openTestGateway(t, {
    events: () => answerOf(body, { headers: ["content-type", "text/event-stream"] }),
  });
  const response = await fetch(`${gateway.listener.url}/function/events`);
  t.is(response.headers.get("content-type"), "text/event-stream");
  body.push("data: 1\n\n");
  body.push(null);
  t.is(await response.text(), "data: 1\n\n");
});

test("a body that fails after the head leaves the answer visibly incomplete", async (t) => {
  const gateway = await openTestGateway(t, {
    dies: () => {
      const body = new Readable({ read: () => {} });
      body.push("some");
      setImmediate(() => body.destroy(new TsfnError("FUNCTION_CRASHED", "gone")));
      return answerOf(body);
    },
  });
  const [response] = parseResponses(await gateway.raw(get("dies")));
  t.is(response?.status, 200);
  t.false(response?.complete);
});

test("a body larger than every buffer waits for its client", async (t) => {
  let pulled = 0;
  const chunk = Buffer.alloc(64 * 1_024);
  const body = new Readable({
    read() {
      pulled += chunk.length;
      this.push(pulled > 2 ** 28 ? null : chunk);
    },
  });
  const gateway = await openTestGateway(t, { big: () => answerOf(body) });
  const socket = connect(gateway.port, "127.0.0.1");
  socket.write(get("big"));
  await once(socket, "readable");
  let before = -1;
  while (before !== pulled) {
    before = pulled;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  t.true(pulled < 2 ** 26, `${pulled} bytes were taken from the function`);
  let received = 0;
  socket.on("data", (bytes) => {
    received += bytes.length;
    if (received > 2 ** 28) socket.destroy();
  });
  await once(socket, "close");
  t.true(received > 2 ** 28);
});

test("an HTTP/1.0 client is answered and its connection closed", async (t) => {
  const gateway = await openTestGateway(t, { hello: ({ url }) => answerOf(url) });
  const received = await gateway.raw("GET /function/hello/x HTTP/1.0\r\n\r\n");
  t.regex(received, new RegExp(`\r\n\r\nhttp://127\\.0\\.0\\.1:${gateway.port}/x$`));
});
