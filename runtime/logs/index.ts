export type { LogLevel, LogLine, LogRecord, LogStream } from "./log-record.ts";
