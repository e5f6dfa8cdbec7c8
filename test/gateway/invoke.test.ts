// Claims about one call through the gateway: what the function sees of the request, and what ends it.

import { once } from "node:events";
import { connect } from "node:net";
import test from "ava";
import type { Invocation } from "../../runtime/invocation.ts";
import { answerOf, get, last, openTestGateway, pairs, parseResponses } from "../support/gateway.ts";

const uuid7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

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

test("an HTTP/1.0 client is answered and its connection closed", async (t) => {
  const gateway = await openTestGateway(t, { hello: ({ url }) => answerOf(url) });
  const received = await gateway.raw("GET /function/hello/x HTTP/1.0\r\n\r\n");
  t.regex(received, new RegExp(`\r\n\r\nhttp://127\\.0\\.0\\.1:${gateway.port}/x$`));
});
