// Claims about what a client sees of a function's answer, whatever the function said or did.

import { once } from "node:events";
import { connect } from "node:net";
import { Readable } from "node:stream";
import test from "ava";
import { TsfnError } from "../../runtime/errors.ts";
import { answerOf, get, last, openTestGateway, pairs, parseResponses } from "../support/gateway.ts";

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

test("a body that fails before anything of it is read harms nobody else", async (t) => {
  const gateway = await openTestGateway(t, {
    dies: () => {
      const read = () => process.nextTick(() => body.destroy(new TsfnError("FUNCTION_CRASHED", "gone")));
      const body = new Readable({ read });
      return answerOf(body);
    },
    after: () => answerOf("after"),
  });
  t.false(parseResponses(await gateway.raw(get("dies")))[0]?.complete ?? false);
  t.is(parseResponses(await gateway.raw(get("after", last)))[0]?.body, "after");
});
