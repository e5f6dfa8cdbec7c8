// Calls as spans of OpenTelemetry, sent over OTLP/HTTP: one span of kind server for each call, and inside it what the caller waited
// for (queue, init with the steps of a cold start, exec), rebuilt from the answer's timing when it has left. The endpoint, headers and
// timeouts are the exporter's own variables (opentelemetry.io/docs/specs/otel/protocol/exporter).

import {
  type Context,
  DiagLogLevel,
  diag,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  type Sampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { Answer } from "../runtime/invocation.ts";
import { now } from "../runtime/trace.ts";
import { traceparentOf } from "./request-headers.ts";
import type { CallTrace, CallTracing, TracedCall } from "./tracing.ts";

export function openOtlpTracing(
  env: NodeJS.ProcessEnv,
  version: string,
  failed: (message: string) => void,
): CallTracing {
  const hear = (message: string) => failed(message);
  const silent = () => {};
  diag.setLogger({ error: hear, warn: hear, info: silent, debug: silent, verbose: silent }, DiagLogLevel.WARN);
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ "service.name": env.OTEL_SERVICE_NAME || "tsfn", "service.version": version }),
    sampler: new ParentBasedSampler({ root: rootSampler(env.OTEL_TRACES_SAMPLER_ARG) }),
    spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
  });
  const tracer = provider.getTracer("tsfn", version);
  return {
    begin: (call) => beginCall(tracer, call),
    close: () => provider.shutdown().catch((cause: Error) => failed(cause.message)),
  };
}

/** Of calls whose client traces nothing: the share of them that is. */
function rootSampler(share: string | undefined): Sampler {
  const ratio = Number(share);
  return share === undefined || Number.isNaN(ratio) ? new AlwaysOnSampler() : new TraceIdRatioBasedSampler(ratio);
}

function beginCall(tracer: Tracer, { functionName, requestId, request, acceptedAtMs }: TracedCall): CallTrace {
  const attributes = {
    "faas.name": functionName,
    "faas.trigger": "http",
    "faas.invocation_id": requestId,
    "http.request.method": request.method ?? "",
    "url.path": request.url?.replace(/\?.*/s, "") ?? "",
  };
  const options = { kind: SpanKind.SERVER, startTime: epochMs(acceptedAtMs), attributes };
  const span = tracer.startSpan(functionName, options, parentOf(traceparentOf(request)));
  const { traceId, spanId, traceFlags } = span.spanContext();
  return {
    traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`,
    ended: (status, answer) => {
      span.setAttribute("http.response.status_code", status);
      if (answer !== null && span.isRecording()) describeAnswer(tracer, span, answer, acceptedAtMs);
      if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR });
      span.end(epochMs(now()));
    },
  };
}

function parentOf(traceparent: string | undefined): Context {
  const [, traceId, spanId, flags] = traceparent?.split("-") ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return ROOT_CONTEXT;
  const traceFlags = Number.parseInt(flags, 16) & 1;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

function describeAnswer(tracer: Tracer, span: Span, { version, cold, timing }: Answer, acceptedAtMs: number): void {
  span.setAttributes({ "faas.version": String(version), "faas.coldstart": cold });
  const inside = trace.setSpan(ROOT_CONTEXT, span);
  const { queueMs, initMs, execMs, startSteps = [] } = timing;
  let atMs = acceptedAtMs;
  const child = (name: string, durationMs: number, parent: Context): Span => {
    const step = tracer.startSpan(name, { startTime: epochMs(atMs) }, parent);
    atMs += durationMs;
    return step;
  };
  child("queue", queueMs, inside).end(epochMs(atMs));
  if (cold) {
    const initAtMs = atMs;
    const init = child("init", 0, inside);
    for (const { name, durationMs } of startSteps) {
      child(`init.${name}`, durationMs, trace.setSpan(ROOT_CONTEXT, init)).end(epochMs(atMs));
    }
    atMs = initAtMs + initMs;
    init.end(epochMs(atMs));
  }
  child("exec", execMs, inside).end(epochMs(atMs));
}

/** Milliseconds since 1970, of a moment on the clock of runtime/trace.ts. */
function epochMs(atMs: number): number {
  return performance.timeOrigin + atMs;
}
