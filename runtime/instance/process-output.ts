// What a process writes to its real stdout and stderr: native code, child processes, Node's own last words. Read as fast
// as it comes, in lines of bounded length.

import type { Readable } from "node:stream";
import type { SandboxProcess } from "../sandbox/index.ts";
import { LineSplitter } from "../wire/index.ts";
import { LastWords } from "./exit-reason.ts";
import type { InstanceLog } from "./instance-log.ts";

export class ProcessOutput {
  readonly lastWords = new LastWords();
  readonly #streams: readonly Readable[];
  readonly #read: readonly Promise<void>[];

  /** `whose` tells to which request a line belongs that comes now. */
  constructor({ stdout, stderr }: SandboxProcess, log: InstanceLog, whose: () => string | undefined) {
    this.#streams = [stdout, stderr];
    this.#read = [
      readLines(stdout, (line) => log.write("stdout", "info", line, whose())),
      readLines(stderr, (line) => {
        this.lastWords.hear(line);
        log.write("stderr", "error", line, whose());
      }),
    ];
  }

  /** After the process is gone: reads what it had written, until the end or `graceMs`, and until `others` have settled. */
  async drain(graceMs: number, ...others: readonly Promise<unknown>[]): Promise<void> {
    await settledWithin(graceMs, [...this.#read, ...others]);
    for (const stream of this.#streams) stream.destroy();
  }
}

/** Resolves when the stream is at its end; a broken pipe is an end too. */
function readLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  const lines = new LineSplitter(onLine);
  return new Promise((resolve) => {
    stream.on("data", (piece: Buffer) => lines.push(piece));
    stream.on("error", () => stream.destroy());
    stream.on("close", () => {
      lines.end();
      resolve();
    });
  });
}

/** Waits for all of `work`, but no longer than `graceMs`: a descriptor that leaked elsewhere never ends. */
async function settledWithin(graceMs: number, work: readonly Promise<unknown>[]): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, graceMs);
  await Promise.race([Promise.allSettled(work), late.promise]);
  clearTimeout(timer);
}
