// Claims about the public listener's framing: what it refuses, and that a refusal never desynchronises a connection.

import { connect } from "node:net";
import test from "ava";
import { pino } from "pino";
import { defaultLimits } from "../../gateway/listener-limits.ts";
import { openPublicListener } from "../../gateway/server.ts";
import { TsfnError } from "../../runtime/errors.ts";
import { answerOf, openTestGateway, parseResponses, readAll } from "../support/gateway.ts";

const hello = { hello: () => answerOf("hi") };

const refused: readonly [claim: string, bytes: string, status: number, code: string][] = [
  [
    "a request with both Transfer-Encoding and Content-Length",
    "POST /function/hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    400,
    "REQUEST_MALFORMED",
  ],
  [
    "two Content-Length headers, even equal ones",
    "POST /function/hello HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    400,
    "REQUEST_MALFORMED",
  ],
  ["lines that end with a bare LF", "GET /function/hello HTTP/1.1\nHost: a\n\n", 400, "REQUEST_MALFORMED"],
  [
    "a header line that ends with a bare LF",
    "GET /function/hello HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
    400,
    "REQUEST_MALFORMED",
  ],
  ["a folded header", "GET /function/hello HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400, "REQUEST_MALFORMED"],
  ["a space before the colon", "GET /function/hello HTTP/1.1\r\nHost : a\r\n\r\n", 400, "REQUEST_MALFORMED"],
  ["two Host headers", "GET /function/hello HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "REQUEST_MALFORMED"],
  ["a port beyond all", "GET /function/hello HTTP/1.1\r\nHost: h:65536\r\n\r\n", 400, "REQUEST_MALFORMED"],
  ["an address that is none", "GET /function/hello HTTP/1.1\r\nHost: 1.2.3.256\r\n\r\n", 400, "REQUEST_MALFORMED"],
  ["no Host header", "GET /function/hello HTTP/1.1\r\n\r\n", 400, "REQUEST_MALFORMED"],
  ["a Host that is a path", "GET /function/hello HTTP/1.1\r\nHost: a/../b\r\n\r\n", 400, "REQUEST_MALFORMED"],
  [
    "a transfer coding other than chunked",
    "POST /function/hello HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    400,
    "REQUEST_MALFORMED",
  ],
  ["what is not HTTP", "\x16\x03\x01\x02\x00\x01", 400, "REQUEST_MALFORMED"],
  ["CONNECT", "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 405, "METHOD_NOT_ALLOWED"],
  ["TRACE", "TRACE /function/hello HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 405, "METHOD_NOT_ALLOWED"],
  [
    "headers over the limit",
    `GET /function/hello HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(40_000)}\r\n\r\n`,
    431,
    "HEADERS_TOO_LARGE",
  ],
  [
    "more headers than Node takes",
    `GET /function/hello HTTP/1.1\r\nHost: a\r\n${"X: y\r\n".repeat(1_000)}\r\n`,
    431,
    "HEADERS_TOO_LARGE",
  ],
  ["OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 400, "REQUEST_MALFORMED"],
];

for (const [claim, bytes, status, code] of refused) {
  test(`the listener refuses ${claim} with ${status} ${code} and closes`, async (t) => {
    const hello = () => {
      t.fail("it reached the function");
      return answerOf("hi");
    };
    const gateway = await openTestGateway(t, { hello });
    const [response, ...more] = parseResponses(await gateway.raw(bytes));
    t.is(response?.status, status);
    t.true(response?.headers.includes("content-type: application/problem+json"));
    const problem = JSON.parse(response?.body ?? "");
    t.like(problem, { code, status });
    t.is(more.length, 0);
  });
}

test("a head that arrives too slowly is answered 408 and the connection closed", async (t) => {
  const gateway = await openTestGateway(t, hello, { ...defaultLimits, headersTimeoutMs: 100 });
  for (const bytes of ["", "GET /function/hello HTTP/1.1\r\nHost: a\r\nX-Slow:"]) {
    const [response] = parseResponses(await gateway.raw(bytes));
    t.is(response?.status, 408);
    t.is(JSON.parse(response?.body ?? "").code, "REQUEST_TIMEOUT");
  }
});

test("pipelined requests are answered in order, whatever their functions take", async (t) => {
  const first = Promise.withResolvers<void>();
  const gateway = await openTestGateway(t, {
    slow: async () => {
      await first.promise;
      return answerOf("slow");
    },
    fast: () => {
      first.resolve();
      return answerOf("fast");
    },
  });
  const get = (name: string, more = "") => `GET /function/${name} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
  const received = await gateway.raw(get("slow") + get("fast") + get("fast", "Connection: close\r\n"));
  t.deepEqual(
    parseResponses(received).map(({ body }) => body),
    ["slow", "fast", "fast"],
  );
});

test("a request before garbage is still answered, and the garbage is never taken for a request", async (t) => {
  const answered = Promise.withResolvers<void>();
  const gateway = await openTestGateway(t, {
    hello: async () => {
      await answered.promise;
      return answerOf("hi");
    },
  });
  const received = gateway.raw("GET /function/hello HTTP/1.1\r\nHost: a\r\n\r\n\x00\x01 garbage\r\n\r\n");
  setImmediate(answered.resolve);
  t.deepEqual(
    parseResponses(await received).map(({ status, body }) => [status, body]),
    [[200, "hi"]],
  );
  t.deepEqual(gateway.calls, [["hello", 200]]);
});

test("a broken chunk ends the invocation that reads it with 400", async (t) => {
  const gateway = await openTestGateway(t, { echo: async ({ body }) => answerOf(await readAll(body)) });
  const received = await gateway.raw(
    "POST /function/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nZZ\r\n",
  );
  const [response] = parseResponses(received);
  t.is(response?.status, 400);
  t.is(JSON.parse(response?.body ?? "").code, "REQUEST_MALFORMED");
});

test("an Upgrade that nobody asked for is answered as an ordinary request", async (t) => {
  const gateway = await openTestGateway(t, hello);
  const received = await gateway.raw(
    "GET /function/hello HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\n\r\n",
  );
  t.is(parseResponses(received)[0]?.body, "hi");
});

test("/healthz says ok, and every other path is a problem document", async (t) => {
  const gateway = await openTestGateway(t, hello);
  const health = await fetch(`${gateway.listener.url}/healthz`);
  t.deepEqual([health.status, await health.text()], [200, "ok\n"]);
  t.is((await fetch(`${gateway.listener.url}/healthz`, { method: "POST" })).status, 405);
  for (const path of ["/", "/v1/functions", "/metrics", "/function/", "/functions/hello", "/healthz/x"]) {
    const response = await fetch(gateway.listener.url + path);
    t.is(response.status, 404, path);
    t.is(((await response.json()) as { code: string }).code, "ROUTE_NOT_FOUND", path);
  }
});

test("a draining listener answers what is in flight, refuses the next on an open connection, and then closes it", async (t) => {
  const release = Promise.withResolvers<void>();
  const entered = Promise.withResolvers<void>();
  const gateway = await openTestGateway(t, {
    slow: async () => {
      entered.resolve();
      await release.promise;
      return answerOf("done");
    },
  });
  const busy = gateway.raw("GET /function/slow HTTP/1.1\r\nHost: a\r\n\r\n");
  const idle = connect(gateway.port, "127.0.0.1");
  idle.setEncoding("latin1");
  const received: string[] = [];
  idle.on("data", (text: string) => received.push(text));
  idle.write("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
  await entered.promise;
  while (received.length === 0) await new Promise((resolve) => idle.once("data", resolve));

  gateway.listener.stopAccepting();
  gateway.exchanges.refuse(new TsfnError("SHUTTING_DOWN", "The server is shutting down"));
  const ended = new Promise((resolve) => idle.once("close", resolve));
  idle.write("GET /function/slow HTTP/1.1\r\nHost: a\r\n\r\n");
  await ended;
  const [, refusal] = parseResponses(received.join(""));
  t.is(refusal?.status, 503);
  t.is(JSON.parse(refusal?.body ?? "").code, "SHUTTING_DOWN");
  t.true(refusal?.headers.some((line) => line.startsWith("retry-after: ")));
  t.true(refusal?.headers.includes("connection: close"));
  await t.throwsAsync(fetch(`${gateway.listener.url}/healthz`));

  release.resolve();
  const [answer] = parseResponses(await busy);
  t.is(answer?.body, "done");
  t.true(answer?.headers.includes("connection: close"));
  await gateway.exchanges.idle();
  await gateway.listener.close();
});

test("an address that is taken is named, with the flag that changes it", async (t) => {
  const gateway = await openTestGateway(t, hello);
  const parts = {
    runtime: {
      routeTo: () => undefined,
      current: () => undefined,
      invoke: () => Promise.reject(new Error("never called")),
    },
    exchanges: gateway.exchanges,
    calls: { ended: () => {} },
    tracing: null,
    log: pino({ enabled: false }),
  };
  const error = await t.throwsAsync(openPublicListener({ host: "127.0.0.1", port: gateway.port }, parts));
  t.like(error, { code: "LISTEN_FAILED" });
  t.regex(error?.message ?? "", new RegExp(`127\\.0\\.0\\.1:${gateway.port}: another process`));
});
