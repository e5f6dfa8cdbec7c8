// Calls as spans, received by a collector of the test over OTLP/HTTP as any other collector would.

import { once } from "node:events";
import { createServer } from "node:http";
import { json } from "node:stream/consumers";
import test, { type ExecutionContext } from "ava";
import { openTestDaemon } from "../support/daemon.ts";
import { functionOf } from "../support/function-directory.ts";
import { until } from "../support/until.ts";

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: number | string; readonly boolValue?: boolean };
}

interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly status: { readonly code?: number };
}

interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly ReceivedSpan[] }[];
  }[];
}

async function collector(t: ExecutionContext) {
  const requests: ExportRequest[] = [];
  const headers: Record<string, unknown>[] = [];
  const server = createServer(async (request, response) => {
    headers.push(request.headers);
    requests.push((await json(request)) as ExportRequest);
    response.setHeader("content-type", "application/json").end("{}");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  const resources = () => requests.flatMap(({ resourceSpans }) => resourceSpans);
  const spans = () => resources().flatMap(({ scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans));
  return { url: `http://127.0.0.1:${port}`, resources, spans, headers };
}

const attribute = (attributes: readonly Attribute[], wanted: string) => {
  const value = attributes.find(({ key }) => key === wanted)?.value;
  return value === undefined ? undefined : (Object.values(value)[0] as unknown);
};

const telling = `
  if (request.url.endsWith("/fail")) throw new Error("x");
  return new Response(request.headers.get("traceparent"));`;

/** Runs a daemon with this collector; its variables are the exporter's own, which reads them from the process. */
async function traced(t: ExecutionContext, url: string) {
  const variables = {
    OTEL_EXPORTER_OTLP_ENDPOINT: url,
    OTEL_EXPORTER_OTLP_HEADERS: "x-key=k1",
    OTEL_BSP_SCHEDULE_DELAY: "50",
  };
  for (const [name, value] of Object.entries(variables)) {
    process.env[name] = value;
    t.teardown(() => Reflect.deleteProperty(process.env, name));
  }
  const daemon = await openTestDaemon(t, {}, process.env);
  await daemon.deploy(functionOf(t, { name: "told" }, telling));
  return daemon;
}

test.serial(
  "a call is a span with what it waited for inside, continues its client's trace, and the function's spans are its children",
  async (t) => {
    const { url, spans, resources, headers } = await collector(t);
    const daemon = await traced(t, url);
    await daemon.admin("POST", "/v1/functions/told/restart");
    const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    const response = await fetch(`${daemon.url}/function/told/path?secret=1`, {
      headers: { traceparent: `00-${traceId}-00f067aa0ba902b7-01`, "x-request-id": "traced-1" },
    });
    const seen = await response.text();
    const call = await until("the call's span arrives", () => spans().find(({ name }) => name === "told"));
    t.like(call, { traceId, parentSpanId: "00f067aa0ba902b7", kind: 2 });
    t.is(seen, `00-${traceId}-${call.spanId}-01`);
    for (const [key, value] of [
      ["faas.name", "told"],
      ["faas.invocation_id", "traced-1"],
      ["faas.coldstart", true],
      ["faas.version", "1"],
      ["http.request.method", "GET"],
      ["url.path", "/function/told/path"],
      ["http.response.status_code", 200],
    ] as const) {
      t.is(attribute(call.attributes, key), value, key);
    }
    const within = spans().filter(({ parentSpanId }) => parentSpanId === call.spanId);
    t.deepEqual(within.map(({ name }) => name).sort(), ["exec", "init", "queue"]);
    for (const { startTimeUnixNano, endTimeUnixNano } of within) {
      t.true(BigInt(startTimeUnixNano) <= BigInt(endTimeUnixNano));
      t.true(BigInt(startTimeUnixNano) >= BigInt(call.startTimeUnixNano));
    }
    const init = within.find(({ name }) => name === "init");
    t.true(spans().some(({ parentSpanId, name }) => parentSpanId === init?.spanId && name.startsWith("init.")));
    t.is(attribute(resources()[0]?.resource.attributes ?? [], "service.name"), "tsfn");
    t.is(headers[0]?.["x-key"], "k1");
    t.false(JSON.stringify(resources()).includes("secret"), "queries stay out of traces");
  },
);

test.serial(
  "a failed call is an error, one whose client does not record is not recorded, and the last spans leave at the end",
  async (t) => {
    const { url, spans } = await collector(t);
    const daemon = await traced(t, url);
    const call = async (path: string, flags: string) => {
      const headers = { traceparent: `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-${flags}` };
      const response = await fetch(`${daemon.url}/function/${path}`, { headers });
      return { status: response.status, text: await response.text() };
    };
    const unrecorded = await call("told", "00");
    t.regex(unrecorded.text, /^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-00$/);
    t.is((await call("told/fail", "01")).status, 500);
    t.is((await call("stranger", "01")).status, 404);
    daemon.stop();
    await daemon.ended;
    const calls = spans().filter(({ kind }) => kind === 2);
    t.is(calls.length, 1, "neither the unrecorded call nor a name that no function has");
    t.is(calls[0]?.status.code, 2);
  },
);

test.serial("without a collector nothing is traced, and the function still gets a trace context", async (t) => {
  const daemon = await openTestDaemon(t);
  await daemon.deploy(functionOf(t, { name: "told" }, telling));
  const response = await fetch(`${daemon.url}/function/told`);
  t.regex(await response.text(), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
});
