export type { LogLevel, LogLine, LogRecord, LogStream } from "./logs/index.ts";
export { openRuntime, type RuntimeOptions } from "./open-runtime.ts";
export type * from "./surface.ts";
export { endSpan, listenToSpans, now, type Span, type SpanName } from "./trace.ts";
