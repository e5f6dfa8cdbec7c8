// The tail of the log that comes with an answer of the AWS API: what is asked of the log for it, and what happens when the
// client does not wait for it.

import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { getRequestListener } from "@hono/node-server";
import test, { type ExecutionContext } from "ava";
import { pino } from "pino";
import { awsRoutes } from "../../gateway/aws/index.ts";
import { logTail } from "../../gateway/aws/log-tail.ts";
import { Exchanges } from "../../gateway/exchanges.ts";
import { TsfnError } from "../../runtime/errors.ts";
import type { LogOptions, LogRecord, Runtime } from "../../runtime/index.ts";
import { now } from "../../runtime/trace.ts";
import { answerOf, testVersion } from "../support/gateway.ts";

const acceptedAtMs = now();
const requestId = "request-1";

function record(msg: string, fields: Partial<LogRecord> = {}): LogRecord {
  const origin = { function: "probe", version: 3, instance: "probe-3-aa", requestId };
  return { ts: new Date().toISOString(), seq: 1, ...origin, stream: "stdout", level: "info", msg, ...fields };
}

const report = record("platform.invokeReport", { stream: "platform", data: { durationMs: 3, maxMemoryMb: 40 } });

/** A log of `records` in which nothing more comes; tells what was asked. */
function logOf(records: readonly LogRecord[]) {
  const asked: LogOptions[] = [];
  const logs: Runtime["logs"] = async function* (_name, options) {
    asked.push(options);
    yield* records;
    if (options.follow && !options.signal.aborted) {
      await new Promise((resolve) => options.signal.addEventListener("abort", resolve));
    }
  };
  return { asked, logs };
}

async function tailOf(log: ReturnType<typeof logOf>, signal = new AbortController().signal): Promise<string> {
  return Buffer.from(await logTail(log, "probe", { requestId, acceptedAtMs, signal }), "base64").toString();
}

test("the log is asked once, for one request's records since it came, and until the report only", async (t) => {
  const log = logOf([record("one"), record("two"), report, record("three")]);
  const text = await tailOf(log);
  t.is(
    text,
    `START RequestId: ${requestId}\none\ntwo\nEND RequestId: ${requestId}\n` +
      `REPORT RequestId: ${requestId}\tDuration: 3 ms\tMax Memory Used: 40 MB\n`,
  );
  t.is(log.asked.length, 1);
  t.like(log.asked[0], { follow: true, filter: { requestId } });
  t.true((log.asked[0]?.filter?.sinceMs ?? Number.POSITIVE_INFINITY) <= Date.now());
});

test("an invocation that never reports has the last 4 KiB of what it printed", async (t) => {
  // As the server's sockets do: what ends its patience does not keep a process alive.
  const alive = setInterval(() => undefined, 1_000);
  t.teardown(() => clearInterval(alive));
  const lines = Array.from({ length: 500 }, (_, index) => `line ${index} é`);
  const text = await tailOf(logOf(lines.map((line) => record(line))));
  t.is(
    text,
    Buffer.from(`${lines.join("\n")}\n`)
      .subarray(-4_096)
      .toString(),
  );
});

test("whoever aborts it hears their own reason", async (t) => {
  const reason = new TsfnError("CLIENT_CLOSED", "gone");
  const aborted = new AbortController();
  const tail = tailOf(logOf([]), aborted.signal);
  aborted.abort(reason);
  t.is(await t.throwsAsync(tail), reason);
});

for (const path of [
  "/2015-03-31/functions/probe/invocations",
  "/2021-11-15/functions/probe/response-streaming-invocations",
]) {
  test(`a client that leaves before the tail of the log is no failure of the server: ${path}`, async (t) => {
    const { exchanges, logged, port, asked } = await openRoutes(t);
    const call = request({ host: "127.0.0.1", port, path, method: "POST", headers: { "x-amz-log-type": "Tail" } });
    call.on("error", () => undefined);
    call.end("{}");
    await asked;
    call.destroy();
    await exchanges.idle();
    for (let turn = 0; turn < 10; turn += 1) await nextTurn();
    t.deepEqual(logged, []);
  });
}

async function openRoutes(t: ExecutionContext) {
  const exchanges = new Exchanges();
  const logged: string[] = [];
  const asked = Promise.withResolvers<void>();
  const log = logOf([]);
  const runtime: Partial<Runtime> = {
    current: testVersion,
    invoke: async () => answerOf("1"),
    logs: (name, options) => {
      asked.resolve();
      return log.logs(name, options);
    },
  };
  const app = awsRoutes({
    runtime: runtime as Runtime,
    exchanges,
    calls: { ended: () => undefined },
    log: pino({ base: null, level: "error" }, { write: (line: string) => void logged.push(line) }),
  });
  const server = createServer(getRequestListener(app.fetch, { overrideGlobalObjects: false }));
  t.teardown(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { exchanges, logged, asked: asked.promise, port: (server.address() as AddressInfo).port };
}
