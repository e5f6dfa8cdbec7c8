// The logs of all functions, one directory each under the data directory. append never waits; reading and following see
// what is stored. function-log.ts has the rules of one log, log-files.ts its files.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { FunctionLog, type LogLimits } from "./function-log.ts";
import { LogFiles } from "./log-files.ts";
import { type LogFilter, type LogMatcher, matcherOf } from "./log-filter.ts";
import type { LogLine, LogRecord } from "./log-record.ts";
import { recordOf, type StoredLine } from "./stored-line.ts";

export interface LogStore {
  append(line: LogLine): void;
  /** The last `tail` records that the filter lets pass, oldest first; none for a function that never logged. */
  read(functionName: string, options: ReadOptions): AsyncIterable<LogRecord>;
  /**
   * The same records and then every new one, without loss or repeat while the reader keeps pace with the cap on
   * disk. Ends when the signal aborts or the log is removed.
   */
  follow(functionName: string, options: FollowOptions): AsyncIterable<LogRecord>;
  remove(functionName: string): Promise<void>;
  /** Removes the logs of all other functions, also those that an earlier process left. */
  keepOnly(functionNames: ReadonlySet<string>): Promise<void>;
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

/** What is parsed before others have a turn. */
const maxBytesPerTurn = 65_536;

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
  const remove = async (name: string) => {
    const log = logOf(name);
    logs.delete(name);
    await log.remove();
  };
  return {
    append: (line) => logOf(line.function).append(line),
    read: (name, options) => read(logOf(name), options),
    follow(name, options) {
      const [log, matcher] = [logOf(name), matcherOf(options.filter ?? {})];
      // Now, not when its reader begins: whatever is stored from now on is for that.
      const first = log.tail(options.tail, matcher);
      first.catch(() => undefined); // Nobody may ever read.
      return follow({ log, matcher, first, signal: options.signal });
    },
    remove,
    async keepOnly(names) {
      const left = (await directoriesIn(dir)).filter((name) => !names.has(name));
      await Promise.all(left.map(remove));
    },
    async flush() {
      await Promise.all([...logs.values()].map((log) => log.flush()));
    },
  };
}

async function directoriesIn(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

async function* read(log: FunctionLog, { tail, filter = {} }: ReadOptions) {
  const matcher = matcherOf(filter);
  const { lines } = await log.tail(tail, matcher);
  yield* recordsOf(lines, matcher);
}

interface Following {
  readonly log: FunctionLog;
  readonly matcher: LogMatcher;
  readonly first: ReturnType<FunctionLog["tail"]>;
  readonly signal: AbortSignal;
}

async function* follow({ log, matcher, first, signal }: Following): AsyncGenerator<LogRecord, void, undefined> {
  let waker = Promise.withResolvers<void>();
  const wake = () => waker.resolve();
  // What was stored before is found by its number.
  const stop = log.follow(wake);
  signal.addEventListener("abort", wake);
  try {
    let { lines, seq } = await first;
    for (;;) {
      yield* recordsOf(lines, matcher);
      if (signal.aborted || log.isRemoved) return;
      lines = await log.since(seq);
      seq = lines.at(-1)?.seq ?? seq;
      if (lines.length > 0) continue;
      await waker.promise;
      waker = Promise.withResolvers<void>();
    }
  } finally {
    signal.removeEventListener("abort", wake);
    stop();
  }
}

/** Parsed one by one on their way out: a record takes many times the memory of its text. */
async function* recordsOf(lines: readonly StoredLine[], matcher: LogMatcher) {
  let bytes = 0;
  for (const line of lines) {
    bytes += line.text.length;
    if (bytes > maxBytesPerTurn) {
      await nextTurn();
      bytes = 0;
    }
    const record = matcher.mayWant(line) ? recordOf(line) : null;
    if (record !== null && matcher.wants(record)) yield record;
  }
}
