// The logs of all functions, one directory each under the data directory. append never waits; reading and following see
// what is stored. function-log.ts has the rules of one log, log-files.ts its files.

import { join } from "node:path";
import { FunctionLog, type LogLimits } from "./function-log.ts";
import { LogFiles } from "./log-files.ts";
import { type LogFilter, matcherOf } from "./log-filter.ts";
import type { LogLine, LogRecord } from "./log-record.ts";

export interface LogStore {
  append(line: LogLine): void;
  /** The last `tail` records that the filter lets pass, oldest first; none for a function that never logged. */
  read(functionName: string, options: ReadOptions): Promise<readonly LogRecord[]>;
  /**
   * The same records and then every new one, without loss or repeat while the reader keeps pace with the cap on
   * disk. Ends when the signal aborts or the log is removed.
   */
  follow(functionName: string, options: FollowOptions): AsyncIterable<LogRecord>;
  remove(functionName: string): Promise<void>;
  /** Stores what was appended. */
  flush(): Promise<void>;
}

export interface ReadOptions {
  readonly tail: number;
  /** Everything when there is none. */
  readonly filter?: LogFilter;
}

export interface FollowOptions extends ReadOptions {
  readonly signal: AbortSignal;
}

export const defaultLogLimits: LogLimits = {
  maxBytesPerFunction: 16 * 2 ** 20,
  linesPerSecond: 10_000,
  bytesPerSecond: 8 * 2 ** 20,
  maxPendingBytes: 8 * 2 ** 20,
};

/** `dir` is made when the first line is written; `fault` hears why lines were lost to the file system. */
export function openLogStore(dir: string, limits: LogLimits, fault: (error: unknown) => void): LogStore {
  const logs = new Map<string, FunctionLog>();
  const logOf = (name: string): FunctionLog => {
    const known = logs.get(name);
    if (known !== undefined) return known;
    const log = new FunctionLog(new LogFiles(join(dir, name), limits.maxBytesPerFunction), limits, fault);
    logs.set(name, log);
    return log;
  };
  return {
    append: (line) => logOf(line.function).append(line),
    read: async (name, { tail, filter = {} }) => (await logOf(name).tail(tail, matcherOf(filter))).records,
    follow: (name, options) => follow(logOf(name), options),
    async remove(name) {
      const log = logOf(name);
      logs.delete(name);
      await log.remove();
    },
    async flush() {
      await Promise.all([...logs.values()].map((log) => log.flush()));
    },
  };
}

async function* follow(
  log: FunctionLog,
  { tail, filter = {}, signal }: FollowOptions,
): AsyncGenerator<LogRecord, void, undefined> {
  let waker = Promise.withResolvers<void>();
  const wake = () => waker.resolve();
  // Woken from before the first read on, so that nothing stored in between is missed.
  const stop = log.follow(wake);
  signal.addEventListener("abort", wake);
  try {
    const wanted = matcherOf(filter);
    const last = await log.tail(tail, wanted);
    let { seq } = last;
    yield* last.records;
    while (!signal.aborted && !log.isRemoved) {
      const records = await log.since(seq);
      seq = records.at(-1)?.seq ?? seq;
      for (const record of records) if (wanted(record)) yield record;
      if (records.length > 0 || signal.aborted) continue;
      await waker.promise;
      waker = Promise.withResolvers<void>();
    }
  } finally {
    signal.removeEventListener("abort", wake);
    stop();
  }
}
