// The log of one function: lines are taken in memory at once, numbered and written in batches, and told to followers
// once they are stored. Memory stays bounded whatever a function prints: what is too much or too fast is counted.

import { now } from "../trace.ts";
import type { LogFiles } from "./log-files.ts";
import type { LogMatcher } from "./log-filter.ts";
import type { LogLine } from "./log-record.ts";
import { RateLimit } from "./rate-limit.ts";
import { lastOf, linesAfter, newestSeq } from "./search.ts";
import { type StoredLine, storedLine } from "./stored-line.ts";

export interface LogLimits {
  /** On disk. */
  readonly maxBytesPerFunction: number;
  readonly linesPerSecond: number;
  readonly bytesPerSecond: number;
  /** Taken and not yet written. */
  readonly maxPendingBytes: number;
}

const batchDelayMs = 25;
const maxBatchBytes = 262_144;
/** What followers may lag behind before they read the files instead. */
const maxRecentLines = 4_096;
const maxRecentBytes = 2 ** 20;
/** What a follower that lags behind further takes from the files at once. */
const maxCatchUpBytes = 2 ** 20;

interface Taken {
  readonly ts: string;
  /** The line as JSON; what only the record has goes before it. One text is all that waits, so that little is left to be collected. */
  readonly json: string;
  /** What it weighs in memory, about. */
  readonly bytes: number;
  /** How many lines are lost if it is: a record of dropped ones stands for all of them. */
  readonly counts: number;
}

export class FunctionLog {
  readonly #files: LogFiles;
  readonly #limits: LogLimits;
  readonly #fault: (error: unknown) => void;
  readonly #lineRate: RateLimit;
  readonly #byteRate: RateLimit;
  // The platform's own reports have a rate of their own, so that they never push out what the function prints.
  readonly #reportRate: RateLimit;
  readonly #followers = new Set<() => void>();
  #recent: StoredLine[] = [];
  #pending: Taken[] = [];
  #pendingBytes = 0;
  #dropped = 0;
  #isRemoved = false;
  #seq: number | null = null;
  #last: LogLine | null = null;
  #ts = "";
  #tsMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(files: LogFiles, limits: LogLimits, fault: (error: unknown) => void) {
    this.#files = files;
    this.#fault = fault;
    this.#limits = limits;
    this.#lineRate = new RateLimit(limits.linesPerSecond, now());
    this.#byteRate = new RateLimit(limits.bytesPerSecond, now());
    this.#reportRate = new RateLimit(limits.linesPerSecond, now());
  }

  /** Never waits; a line over the limits is counted instead. */
  append(line: LogLine): void {
    this.#last = line;
    const bytes = line.msg.length + lineOverheadBytes;
    if (!this.#admits(line, bytes)) this.#dropped += 1;
    else {
      this.#take(line, bytes, 1);
      this.#pendingBytes += bytes;
    }
    this.#timer ??= setTimeout(() => void this.flush(), batchDelayMs);
  }

  /** Everything appended before is stored, or counted as dropped. */
  flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    return this.#inTurn(() => this.#write());
  }

  /** The last `count` stored records that are wanted, oldest first, and the number of the newest of all. */
  tail(count: number, matcher: LogMatcher): Promise<{ readonly lines: readonly StoredLine[]; readonly seq: number }> {
    return this.#inTurn(async () => {
      await this.#write();
      const lines = await lastOf(this.#files.newestFirst(), count, matcher);
      return { lines, seq: await this.#loadSeq() };
    });
  }

  /** What was stored after `seq`, or the first part of it; from memory when it is still there. */
  async since(seq: number): Promise<readonly StoredLine[]> {
    const first = this.#recent[0]?.seq;
    if (first !== undefined && first <= seq + 1) return this.#recent.slice(seq + 1 - first);
    if (this.#seq !== null && this.#seq <= seq) return [];
    return this.#inTurn(() => linesAfter(this.#files.newestFirst(), seq, maxCatchUpBytes));
  }

  /** Calls `wake` after every batch; returns the way to stop. */
  follow(wake: () => void): () => void {
    this.#followers.add(wake);
    return () => {
      this.#followers.delete(wake);
      if (this.#followers.size === 0) this.#recent = [];
    };
  }

  get isRemoved(): boolean {
    return this.#isRemoved;
  }

  /** Ends its followers too. */
  remove(): Promise<void> {
    this.#isRemoved = true;
    for (const wake of this.#followers) wake();
    return this.#inTurn(async () => {
      this.#pending = [];
      this.#pendingBytes = this.#dropped = 0;
      await this.#files.remove();
    });
  }

  #admits(line: LogLine, bytes: number): boolean {
    if (this.#pendingBytes + bytes > this.#limits.maxPendingBytes) return false;
    const atMs = now();
    if (line.stream === "platform") return this.#reportRate.take(1, atMs);
    return this.#byteRate.take(bytes, atMs) && this.#lineRate.take(1, atMs);
  }

  async #write(): Promise<void> {
    if (this.#dropped > 0 && this.#last !== null) this.#takeDropped(this.#last);
    while (this.#pending.length > 0) {
      const batch = this.#takeBatch();
      try {
        await this.#store(batch);
      } catch (error) {
        // A full disk costs log records, never an answer; the count is stored as soon as there is room again.
        this.#dropped += batch.reduce((sum, { counts }) => sum + counts, 0);
        this.#fault(error);
        return;
      }
    }
  }

  #takeDropped({ function: name, version, instance }: LogLine): void {
    const line: LogLine = {
      ...{ function: name, version, instance },
      ...{ stream: "platform", level: "warn", msg: "platform.logsDropped", data: { count: this.#dropped } },
    };
    this.#take(line, 0, this.#dropped);
    this.#dropped = 0;
  }

  #take(line: LogLine, bytes: number, counts: number): void {
    const atMs = Date.now();
    if (atMs !== this.#tsMs) this.#ts = new Date(atMs).toISOString();
    this.#tsMs = atMs;
    this.#pending.push({ ts: this.#ts, json: JSON.stringify(withFields(line)), bytes, counts });
  }

  #takeBatch(): Taken[] {
    let bytes = 0;
    const end = this.#pending.findIndex((taken) => {
      bytes += taken.bytes;
      return bytes > maxBatchBytes;
    });
    const batch = this.#pending.splice(0, end < 0 ? this.#pending.length : Math.max(1, end));
    this.#pendingBytes -= batch.reduce((sum, taken) => sum + taken.bytes, 0);
    return batch;
  }

  async #store(batch: readonly Taken[]): Promise<void> {
    const seq = await this.#loadSeq();
    const lines = batch.map(({ ts, json }, index) => storedLine(ts, seq + index + 1, json));
    await this.#files.append(lines.map(({ text }) => `${text}\n`).join(""));
    this.#seq = seq + lines.length;
    this.#tell(lines);
  }

  #tell(lines: readonly StoredLine[]): void {
    if (this.#followers.size === 0) return;
    const recent = [...this.#recent, ...lines].slice(-maxRecentLines);
    let bytes = 0;
    const tooMuch = recent.findLastIndex(({ text }) => {
      bytes += text.length;
      return bytes > maxRecentBytes;
    });
    this.#recent = recent.slice(tooMuch + 1);
    for (const wake of this.#followers) wake();
  }

  async #loadSeq(): Promise<number> {
    this.#seq ??= await newestSeq(this.#files.newestFirst());
    return this.#seq;
  }

  /** One after the other, so that a reader sees whole batches and never a rotation. */
  #inTurn<Value>(act: () => Promise<Value>): Promise<Value> {
    const result = this.#turn.then(act);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

/** What a record's other fields weigh, about. */
const lineOverheadBytes = 200;

/** A line that is itself a JSON object keeps its fields under `data`, and its message, if it has one, as `msg`. */
function withFields(line: LogLine): LogLine {
  if (line.stream === "platform" || !line.msg.startsWith("{") || !line.msg.endsWith("}")) return line;
  if (isDeep(line.msg)) return line;
  try {
    const data = JSON.parse(line.msg) as Readonly<Record<string, unknown> & { msg?: unknown; message?: unknown }>;
    const msg = [data.msg, data.message].find((text) => typeof text === "string") ?? line.msg;
    return { ...line, msg, data };
  } catch {
    // Only looked like JSON.
    return line;
  }
}

/** Whoever writes such a record as JSON again, or reads it, would run out of stack. */
const maxDepth = 64;

function isDeep(text: string): boolean {
  let depth = 0;
  for (let at = 0; at < text.length && depth <= maxDepth; at += 1) {
    const code = text.charCodeAt(at);
    if (code === openBrace || code === openBracket) depth += 1;
    else if (code === closeBrace || code === closeBracket) depth -= 1;
  }
  // Braces in strings count too: such a line is shown as text, and nothing is lost.
  return depth > maxDepth;
}

const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];
