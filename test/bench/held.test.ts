// The load driver for bursts: all calls at once, each held until the caller lets go, and when their answers began.

import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { holdCalls } from "../../bench/load/held.ts";
import { now } from "../../runtime/trace.ts";
import { until } from "../support/until.ts";

async function serve(t: ExecutionContext, listener: RequestListener) {
  const server = createServer(listener).listen(0, "127.0.0.1");
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, "listening");
  return { server, port: (server.address() as AddressInfo).port };
}

test("all calls are there before one is answered, and stay until they are released", async (t) => {
  const count = 20;
  let [open, most, gone] = [0, 0, 0];
  const release = Promise.withResolvers<void>();
  const { port } = await serve(t, async (_incoming, outgoing) => {
    open += 1;
    most = Math.max(most, open);
    if (open === count) release.resolve();
    outgoing.once("close", () => {
      gone += 1;
    });
    await release.promise;
    outgoing.write("held\n");
  });
  let opened = -1;
  const held = await holdCalls(port, "/", count, () => {
    opened = open;
  });
  t.deepEqual([opened, most, gone], [0, count, 0]);
  t.is(held.answeredMs.length, count);
  held.release();
  await until("all have hung up", () => gone === count);
});

test("an answer counts from the first call, on the clock of trace.ts, when its head is there", async (t) => {
  const beganAtMs = now();
  let calls = 0;
  const { port } = await serve(t, async (_incoming, outgoing) => {
    calls += 1;
    const delayMs = calls * 100;
    await wait(delayMs);
    outgoing.writeHead(200).flushHeaders();
    await wait(200);
    outgoing.end("held");
  });
  const { startedAtMs, answeredMs, release } = await holdCalls(port, "/", 3);
  release();
  t.true(startedAtMs >= beganAtMs && startedAtMs <= now());
  for (const [at, ms] of answeredMs.entries()) {
    t.true(ms >= 100 * (at + 1) - 1, `answer ${at} after ${ms} ms`);
    t.true(startedAtMs + ms <= now() - 200 + 1, "its body came later");
  }
});

test("answers of every kind of body count once there is a byte of it", async (t) => {
  let bodies = 0;
  const { port } = await serve(t, async ({ url }, outgoing) => {
    outgoing.writeHead(200, url === "/length" ? { "content-length": 10 } : {}).flushHeaders();
    await wait(100);
    bodies += 1;
    outgoing.write("Hello");
  });
  for (const path of ["/length", "/chunks"]) {
    bodies = 0;
    const { answeredMs, release } = await holdCalls(port, path, 2);
    t.deepEqual([answeredMs.length, bodies], [2, 2]);
    release();
  }
});

test("another status and a connection that is cut off are errors that show the answer", async (t) => {
  const { port } = await serve(t, ({ url, socket }, outgoing) => {
    if (url === "/cut") socket.end("HTTP/1.1 200 OK\r\n");
    else outgoing.writeHead(503).end("full");
  });
  await t.throwsAsync(holdCalls(port, "/full", 2), {
    message: /^2 calls could not be held: .*another status than 200:\nHTTP\/1\.1 503 /s,
  });
  await t.throwsAsync(holdCalls(port, "/cut", 1), { message: /was cut off:\nHTTP\/1\.1 200 OK/ });
  await t.throwsAsync(holdCalls(1, "/", 1), { message: /hold: connect: Connection refused/ });
});
