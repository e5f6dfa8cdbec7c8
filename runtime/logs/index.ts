export type { LogLimits } from "./function-log.ts";
export { type LogFilter, logLevels } from "./log-filter.ts";
export type { LogLevel, LogLine, LogRecord, LogStream } from "./log-record.ts";
export { defaultLogLimits, type LogStore, openLogStore } from "./log-store.ts";
export { RateLimit } from "./rate-limit.ts";
