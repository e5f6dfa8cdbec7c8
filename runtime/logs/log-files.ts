// The files of one function's log: `current.ndjson` grows to half of the cap and then becomes `previous.ndjson`, so that
// the newest half is always kept. Callers take turns: two calls never overlap.

import { appendFile, mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../errors.ts";
import { linesBackwards } from "./lines-backwards.ts";
import { parseStoredLine, type StoredLine } from "./stored-line.ts";

export class LogFiles {
  readonly #dir: string;
  readonly #maxBytes: number;
  /** Bytes in the current file; null until it was looked at. */
  #currentBytes: number | null = null;
  /** The last write stopped in the middle of a line. */
  #isTorn = false;

  constructor(dir: string, maxBytes: number) {
    this.#dir = dir;
    this.#maxBytes = maxBytes;
  }

  /** Everything stored, some at a time; most lines that a crash or a full disk cut short are left out (stored-line.ts). */
  async *newestFirst(): AsyncGenerator<readonly StoredLine[], void, undefined> {
    for (const name of ["current", "previous"] as const) {
      for await (const lines of linesBackwards(this.#path(name))) {
        yield lines.map(parseStoredLine).filter((line) => line !== null);
      }
    }
  }

  /** @throws the error of the file system; nothing of `lines` may be relied on then */
  async append(lines: string): Promise<void> {
    await this.#makeReady();
    const text = this.#isTorn ? `\n${lines}` : lines;
    const bytes = Buffer.byteLength(text);
    if (this.#currentBytes !== null && this.#currentBytes > 0 && this.#currentBytes + bytes > this.#maxBytes / 2) {
      await rename(this.#path("current"), this.#path("previous"));
      this.#currentBytes = 0;
    }
    this.#isTorn = true;
    await appendFile(this.#path("current"), text, { mode: 0o600 });
    this.#isTorn = false;
    this.#currentBytes = (this.#currentBytes ?? 0) + bytes;
  }

  async remove(): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
    this.#currentBytes = null;
    this.#isTorn = false;
  }

  async #makeReady(): Promise<void> {
    if (this.#currentBytes !== null) return;
    await mkdir(this.#dir, { recursive: true, mode: 0o700 });
    this.#currentBytes = await stat(this.#path("current")).then(
      ({ size }) => size,
      (error: unknown) => absent(error, 0),
    );
    // Whatever an earlier process left last may be half a line.
    this.#isTorn = this.#currentBytes > 0;
  }

  #path(name: "previous" | "current"): string {
    return join(this.#dir, `${name}.ndjson`);
  }
}

function absent<Value>(error: unknown, value: Value): Value {
  if (isErrno(error, "ENOENT")) return value;
  throw error;
}
