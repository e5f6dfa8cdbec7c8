// Several requests on one connection, before the first is answered: each keeps its answer, whatever comes behind it, and nothing
// that a stranger does with a connection ends the server.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { Readable } from "node:stream";
import test, { type ExecutionContext } from "ava";
import { TsfnError } from "../../runtime/errors.ts";
import { answerOf, openTestGateway, parseResponses } from "../support/gateway.ts";
import { until } from "../support/until.ts";

const get = (name: string, more = "") => `GET /function/${name} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
const websocket = "Connection: Upgrade\r\nUpgrade: websocket\r\n";

/** A function that answers once it is let go, beside one that answers at once. */
async function openHeld(t: ExecutionContext) {
  const held = Promise.withResolvers<void>();
  let inFlight = 0;
  const gateway = await openTestGateway(t, {
    slow: async () => {
      inFlight += 1;
      await held.promise;
      return answerOf("slow");
    },
    fast: () => answerOf("fast"),
    large: async () => {
      inFlight += 1;
      await held.promise;
      return answerOf(Readable.from(Array.from({ length: 200 }, () => Buffer.alloc(100_000, "x"))));
    },
  });
  return { ...gateway, letGo: held.resolve, inFlight: () => inFlight };
}

/** What comes back for these bytes, of which the first request is let go once it is in flight. */
async function answersTo(t: ExecutionContext, bytes: string) {
  const { raw, letGo, inFlight } = await openHeld(t);
  const received = raw(bytes);
  await until("the first is in flight", () => inFlight() === 1);
  letGo();
  return parseResponses(await received).map(({ status, body }) => [status, body] as const);
}

test("an upgrade behind a request that has no answer yet is answered as an ordinary request", async (t) => {
  const upgrade = get("fast", "Connection: Upgrade, close\r\nUpgrade: websocket\r\n");
  t.deepEqual(await answersTo(t, get("slow") + upgrade), [
    [200, "slow"],
    [200, "fast"],
  ]);
});

test("a client that resets its connection while its upgrade waits for an answer does no harm", async (t) => {
  const { port, raw, letGo, inFlight, calls } = await openHeld(t);
  const socket: Socket = connect(port, "127.0.0.1");
  socket.write(get("slow", websocket));
  await until("it is in flight", () => inFlight() === 1);
  socket.resetAndDestroy();
  await until("the server has heard of it", () => raw(get("fast", "Connection: close\r\n")));
  letGo();
  await until("its call is over", () => calls.some(([name]) => name === "slow"));
  t.deepEqual(
    calls.find(([name]) => name === "slow"),
    ["slow", 499],
  );
});

test("what was asked before CONNECT is answered before it is refused", async (t) => {
  const connect = "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n";
  const [large, fast, refusal, ...more] = await answersTo(t, `${get("large")}${get("fast")}${connect}`);
  t.deepEqual([large?.[0], large?.[1].length], [200, 20_000_000]);
  t.deepEqual(fast, [200, "fast"]);
  t.deepEqual([refusal?.[0], more], [405, []]);
});

test("all that was asked before garbage is answered", async (t) => {
  t.deepEqual(await answersTo(t, `${get("slow")}${get("fast")}\x00\x01 garbage\r\n\r\n`), [
    [200, "slow"],
    [200, "fast"],
  ]);
});

test("a server that drains answers all that was asked on a connection, and ends it with the last", async (t) => {
  const { port, exchanges, letGo, inFlight } = await openHeld(t);
  const socket = connect(port, "127.0.0.1");
  let received = "";
  socket.setEncoding("latin1").on("data", (text: string) => {
    received += text;
  });
  socket.write(get("slow") + get("slow"));
  await until("both are in flight", () => inFlight() === 2);
  exchanges.refuse(new TsfnError("SHUTTING_DOWN", "the server is shutting down"));
  socket.write(get("fast"));
  await until("the third has come", () => exchanges.size === 3);
  letGo();
  await once(socket, "close");
  t.deepEqual(
    parseResponses(received).map(({ status, headers }) => [status, headers.includes("connection: close")]),
    [
      [200, false],
      [200, false],
      [503, true],
    ],
  );
});

test("/healthz reads no body to its end", async (t) => {
  const { port } = await openHeld(t);
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write("GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999\r\n\r\n");
  const piece = Buffer.alloc(65_536);
  let sentBytes = 0;
  const send = () => {
    while (!socket.destroyed && socket.write(piece)) sentBytes += piece.length;
  };
  socket.on("drain", send).resume();
  send();
  await new Promise((resolve) => socket.once("close", resolve));
  t.true(sentBytes < 500_000_000, `${sentBytes} bytes were taken`);
});
