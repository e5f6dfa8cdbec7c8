// Which records of a log a reader wants. Every part that is given must hold.

import type { LogLevel, LogRecord } from "./log-record.ts";
import type { StoredLine } from "./stored-line.ts";

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

export interface LogMatcher {
  readonly wants: (record: LogRecord) => boolean;
  /** False when the line's record cannot be wanted, as far as that is seen without parsing it. */
  readonly mayWant: (line: StoredLine) => boolean;
  /** The line is older than every record that is wanted. */
  readonly isPast: (line: StoredLine) => boolean;
}

export function matcherOf({ sinceMs, level, instance, requestId }: LogFilter): LogMatcher {
  const least = level === undefined ? 0 : logLevels.indexOf(level);
  const isPast = ({ ts }: Pick<LogRecord, "ts">) => sinceMs !== undefined && Date.parse(ts) < sinceMs;
  const id = requestId === undefined ? "" : JSON.stringify(requestId);
  return {
    wants: (record) =>
      !isPast(record) &&
      logLevels.indexOf(record.level) >= least &&
      (instance === undefined || record.instance.startsWith(instance)) &&
      (requestId === undefined || record.requestId === requestId),
    mayWant: ({ text }) => text.includes(id),
    isPast,
  };
}
