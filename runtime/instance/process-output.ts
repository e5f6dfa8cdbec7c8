// What a process writes to its real stdout and stderr: native code, child processes, Node's own last words. Read as fast
// as it comes, so that nobody can make a process wait for its log, in lines of bounded length; what comes faster than a log takes it is
// counted and not even looked at.

import type { Readable } from "node:stream";
import { RateLimit } from "../logs/index.ts";
import type { PrintedStream, SandboxProcess } from "../sandbox/index.ts";
import { now } from "../trace.ts";
import { LineSplitter } from "../wire/index.ts";
import { LastWords } from "./exit-reason.ts";
import type { InstanceLog } from "./instance-log.ts";

/** Of one stream; as much as a function's whole log takes (runtime/logs). */
const bytesPerSecond = 8 * 2 ** 20;
/** What takes longer may have started a program that prints; to look costs some microseconds. */
const quickMs = 1;
/** For what a process that is gone had written to arrive. */
const drainGraceMs = 1_000;

export class ProcessOutput {
  readonly lastWords = new LastWords();
  readonly #streams: readonly PrintedStream[];
  readonly #read: readonly Promise<void>[];
  #hasPrinted: boolean;
  /** An invocation has ended: what comes late may be its own. */
  #hasWorked = false;

  /** `whose` tells to which request a line belongs that comes now. @param isProgram it can print in no other way */
  constructor(
    { stdout, stderr }: Pick<SandboxProcess, "stdout" | "stderr">,
    log: InstanceLog,
    whose: () => string | undefined,
    isProgram: boolean,
  ) {
    this.#streams = [stdout, stderr];
    this.#hasPrinted = isProgram;
    for (const stream of this.#streams) {
      stream.on("data", () => {
        this.#hasPrinted ||= this.#hasWorked || whose() !== undefined;
      });
    }
    const lost = (count: number, bytes: number) => log.dropped(count, bytes);
    this.#read = [
      readLines(stdout, (line) => log.writeLine("stdout", "info", line, whose()), lost),
      readLines(
        stderr,
        (line) => {
          this.lastWords.hear(line);
          log.writeLine("stderr", "error", line, whose());
        },
        lost,
      ),
    ];
  }

  /**
   * An invocation of it has, or may: none may begin before the one before it is known to be over, or nobody could tell whose the
   * lines in the pipe are.
   */
  get hasPrinted(): boolean {
    return this.#hasPrinted;
  }

  /** An invocation is about to be over, after so long: what it has printed by now is still its own. */
  catchUp(tookMs: number): void {
    this.#hasWorked = true;
    if (this.#hasPrinted || tookMs >= quickMs) for (const stream of this.#streams) stream.readNow?.();
  }

  /** After the process is gone: reads what it had written, until the end or a moment, and until `others` have settled. */
  async drain(...others: readonly Promise<unknown>[]): Promise<void> {
    await settledWithin(drainGraceMs, [...this.#read, ...others]);
    for (const stream of this.#streams) stream.destroy();
  }
}

/** Resolves when the stream is at its end; a broken pipe is an end too. */
function readLines(
  stream: Readable,
  onLine: (line: string) => void,
  onLost: (lines: number, bytes: number) => void,
): Promise<void> {
  const lines = new LineSplitter(onLine);
  const rate = new RateLimit(bytesPerSecond, now());
  let lost = { lines: 0, bytes: 0 };
  const tellOfLost = () => {
    if (lost.bytes > 0) onLost(lost.lines, lost.bytes);
    lost = { lines: 0, bytes: 0 };
  };
  return new Promise((resolve) => {
    stream.on("data", (piece: Buffer) => {
      if (rate.take(piece.length, now())) {
        tellOfLost();
        lines.push(piece);
        return;
      }
      lines.cut();
      lost.lines += linesIn(piece);
      lost.bytes += piece.length;
    });
    stream.resume();
    stream.on("error", () => stream.destroy());
    stream.on("close", () => {
      tellOfLost();
      lines.end();
      resolve();
    });
  });
}

/** At least one: a piece of a line counts as one. */
function linesIn(piece: Buffer): number {
  let count = 0;
  for (let at = piece.indexOf(newline); at !== -1; at = piece.indexOf(newline, at + 1)) count += 1;
  return Math.max(1, count);
}

const newline = 0x0a;

/** Waits for all of `work`, but no longer than `graceMs`: a descriptor that leaked elsewhere never ends. */
async function settledWithin(graceMs: number, work: readonly Promise<unknown>[]): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, graceMs);
  await Promise.race([Promise.allSettled(work), late.promise]);
  clearTimeout(timer);
}
