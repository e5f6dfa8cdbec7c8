// What a process writes to its real stdout and stderr: native code, child processes, Node's own last words. Read as fast
// as it comes, in lines of bounded length.

import type { Readable } from "node:stream";
import { LineSplitter } from "../wire/index.ts";

/** Resolves when the stream is at its end; a broken pipe is an end too. */
export function readLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
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
export async function settledWithin(graceMs: number, work: readonly Promise<unknown>[]): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, graceMs);
  await Promise.race([Promise.allSettled(work), late.promise]);
  clearTimeout(timer);
}
