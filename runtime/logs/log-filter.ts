// Which records of a log a reader wants. Every part that is given must hold.

import type { LogLevel, LogRecord } from "./log-record.ts";

export interface LogFilter {
  /** Milliseconds since 1970: this moment and later. */
  readonly sinceMs?: number;
  /** This severe or more. */
  readonly level?: LogLevel;
  /** An instance's id, or its beginning. */
  readonly instance?: string;
  readonly requestId?: string;
}

/** From the least severe one on. */
export const logLevels: readonly LogLevel[] = ["debug", "info", "warn", "error"];

export function matcherOf({ sinceMs, level, instance, requestId }: LogFilter): (record: LogRecord) => boolean {
  const least = level === undefined ? 0 : logLevels.indexOf(level);
  return (record) =>
    (sinceMs === undefined || Date.parse(record.ts) >= sinceMs) &&
    logLevels.indexOf(record.level) >= least &&
    (instance === undefined || record.instance.startsWith(instance)) &&
    (requestId === undefined || record.requestId === requestId);
}
