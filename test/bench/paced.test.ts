// The load driver counts what callers wait: against a server that stalls, calls that were due meanwhile are late, however
// fast each of them is answered once it is sent.

import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import test, { type ExecutionContext } from "ava";
import { driveAtRate, driveOneByOne, latenciesOf } from "../../bench/load/paced.ts";
import { percentileOfCounts } from "../../bench/statistics.ts";
import { now } from "../../runtime/trace.ts";

const stallMs = 1_000;
const perSecond = 200;

async function urlOf(t: ExecutionContext, server: Server): Promise<string> {
  server.listen(0, "127.0.0.1");
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test("calls that were due while the server stalled are late by what is left of the stall", async (t) => {
  let asked = 0;
  const server = createServer((_incoming, outgoing) => {
    asked += 1;
    const answer = () => outgoing.end("pong");
    if (asked === 20) setTimeout(answer, stallMs);
    else answer();
  });
  const calls = await driveAtRate(await urlOf(t, server), { perSecond, connections: 1, seconds: 2 });
  t.is(calls.length, 2 * perSecond);
  const stalled = calls[19];
  if (stalled === undefined) return t.fail();
  t.true(stalled.tookUs >= stallMs * 1_000);
  const due = calls.filter(({ dueMs }) => dueMs > stalled.dueMs && dueMs < stalled.dueMs + stallMs);
  t.true(due.length >= (perSecond * stallMs) / 1_000 - 2);
  for (const { dueMs, waitedUs } of due)
    t.true(waitedUs / 1_000 >= stalled.dueMs + stallMs - dueMs - 1, `due at ${dueMs} ms, waited ${waitedUs} µs`);
  // Half of all calls were due in the stall: the median knows of it.
  t.true(percentileOfCounts(latenciesOf(calls), 0.75) > (stallMs * 1_000) / 4);
});

test("a call is due when the rate says so, not when the last one is answered", async (t) => {
  const server = createServer((_incoming, outgoing) => void setTimeout(() => outgoing.end("pong"), 50));
  const [url, startedAtMs] = [await urlOf(t, server), now()];
  const calls = await driveAtRate(url, { perSecond: 100, connections: 4, seconds: 0.5 });
  const firstMs = calls[0]?.dueMs ?? Number.NaN;
  t.true(firstMs >= startedAtMs && firstMs <= now() - 490, "on the clock of trace.ts");
  t.deepEqual(
    calls.map(({ dueMs }) => Math.round(dueMs - firstMs)),
    Array.from({ length: 50 }, (_, index) => index * 10),
  );
});

test("one by one there is never more than one call in flight", async (t) => {
  let [inFlight, most] = [0, 0];
  const server = createServer((_incoming, outgoing) => {
    inFlight += 1;
    most = Math.max(most, inFlight);
    setImmediate(() => {
      inFlight -= 1;
      outgoing.end("pong");
    });
  });
  const calls = await driveOneByOne(await urlOf(t, server), 0.2);
  t.true(calls.length > 0);
  t.is(most, 1);
  t.true(calls.every(({ waitedUs }) => waitedUs === 0));
});

test("chunked answers and cold ones are recognised", async (t) => {
  const server = createServer((_incoming, outgoing) => {
    outgoing.setHeader("X-Tsfn-Cold", "1");
    outgoing.write("in ");
    setImmediate(() => outgoing.end("pieces"));
  });
  const calls = await driveOneByOne(await urlOf(t, server), 0.1);
  t.true(calls.length > 0 && calls.every(({ cold }) => cold));
});

test("an answer with another status, and one that is cut off, are errors", async (t) => {
  const failing = createServer((_incoming, outgoing) => void outgoing.writeHead(503).end("no"));
  await t.throwsAsync(driveOneByOne(await urlOf(t, failing), 0.1), { message: /wanted status 200:\s+HTTP\/1\.1 503/ });
  const cutting = createServer((_incoming, outgoing) => {
    outgoing.writeHead(200, { "content-length": 10 });
    outgoing.write("half");
    setTimeout(() => outgoing.destroy(), 10);
  });
  await t.throwsAsync(driveOneByOne(await urlOf(t, cutting), 0.1), { message: /ended in the middle|reset by peer/ });
});
