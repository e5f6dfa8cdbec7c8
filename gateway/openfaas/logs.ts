// A function's log as OpenFaaS streams it: one JSON document a line.

import type { HttpBindings } from "@hono/node-server";
import type { Context } from "hono";
import { TsfnError } from "../../runtime/errors.ts";
import type { LogRecord } from "../../runtime/index.ts";
import type { OpenFaasParts } from "./index.ts";
import { namespace } from "./status.ts";

/** As `kubectl logs` keeps about as much: what "all" may mean. */
const mostRecords = 100_000;

export function openFaasLogs(
  { runtime, closing }: OpenFaasParts,
  context: Context<{ Bindings: HttpBindings }>,
): Response {
  const { name = "", instance, follow } = context.req.query();
  const sinceMs = sinceOf(context.req.query("since"));
  const left = new AbortController();
  context.env.outgoing.once("close", () => left.abort());
  const records = runtime.logs(name, {
    tail: tailOf(context.req.query("tail")),
    follow: follow === "true" || follow === "1",
    signal: AbortSignal.any([left.signal, closing]),
  });
  const wanted = (record: LogRecord) =>
    (instance === undefined || instance === "" || record.instance === instance) && Date.parse(record.ts) >= sinceMs;
  const body = ReadableStream.from(lines(records, wanted));
  return new Response(body, { headers: { "Content-Type": "application/x-ndjson" } });
}

async function* lines(records: AsyncIterable<LogRecord>, wanted: (record: LogRecord) => boolean) {
  for await (const record of records) {
    if (!wanted(record)) continue;
    const { function: name, instance, ts: timestamp, msg: text } = record;
    yield Buffer.from(`${JSON.stringify({ name, namespace, instance, timestamp, text })}\n`);
  }
}

/** Nothing, zero and less mean all of them. */
function tailOf(text = "0"): number {
  const tail = Number(text);
  if (!Number.isInteger(tail)) throw new TsfnError("REQUEST_MALFORMED", `tail is "${text}"; wanted a whole number`);
  return tail <= 0 ? mostRecords : Math.min(tail, mostRecords);
}

function sinceOf(text: string | undefined): number {
  if (text === undefined || text === "") return 0;
  const ms = Date.parse(text);
  if (Number.isNaN(ms)) throw new TsfnError("REQUEST_MALFORMED", `since is "${text}"; wanted a date as of RFC 3339`);
  return ms;
}
