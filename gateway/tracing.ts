// The trace of one call, as the gateway sees it: off, and then free, unless the environment names a collector of OpenTelemetry's
// (OTEL_EXPORTER_OTLP_ENDPOINT). What sends the spans is otlp-tracing.ts, which is loaded only then.

import type { IncomingMessage } from "node:http";
import type { Answer } from "../runtime/invocation.ts";

export interface CallTracing {
  /** A call of a deployed function begins. */
  begin(call: TracedCall): CallTrace;
  /** Sends what has not been sent yet. Never rejects. */
  close(): Promise<void>;
}

export interface TracedCall {
  readonly functionName: string;
  readonly requestId: string;
  readonly request: IncomingMessage;
  /** On the clock of runtime/trace.ts, milliseconds. */
  readonly acceptedAtMs: number;
}

export interface CallTrace {
  /** For the function: its own spans become children of this call's. */
  readonly traceparent: string;
  /** The whole answer has left, or the call has failed; once. `answer` is null when the function gave none. */
  ended(status: number, answer: Answer | null): void;
}

/** null when the environment names no collector. @param failed hears why spans could not be sent */
export async function openTracing(
  env: NodeJS.ProcessEnv,
  version: string,
  failed: (message: string) => void,
): Promise<CallTracing | null> {
  if (!env.OTEL_EXPORTER_OTLP_ENDPOINT && !env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) return null;
  const { openOtlpTracing } = await import("./otlp-tracing.ts");
  return openOtlpTracing(env, version, failed);
}
