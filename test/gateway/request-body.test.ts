// Claims about request bodies: they stream, they are bounded, and they never disturb the request that follows.

import { once } from "node:events";
import { connect } from "node:net";
import test from "ava";
import { answerOf, bodyLimitBytes, get, last, openTestGateway, parseResponses, readAll } from "../support/gateway.ts";

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

test("a client that leaves while nobody reads its body cancels the invocation and harms nobody else", async (t) => {
  const reason = Promise.withResolvers<unknown>();
  const gateway = await openTestGateway(t, {
    deaf: async ({ signal }) => {
      socket.destroy();
      await once(signal, "abort");
      reason.resolve(signal.reason);
      throw signal.reason;
    },
    after: () => answerOf("after"),
  });
  const socket = connect(gateway.port, "127.0.0.1");
  socket.write("POST /function/deaf HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
  t.like(await reason.promise, { code: "CLIENT_CLOSED" });
  t.is(parseResponses(await gateway.raw(get("after", last)))[0]?.body, "after");
});
