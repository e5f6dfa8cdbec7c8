// Reads a file of lines from its end, block by block, so that its newest lines cost the same however large it is. Each block
// is a turn of the event loop.

import { type FileHandle, open } from "node:fs/promises";
import { isErrno } from "../errors.ts";

const blockBytes = 65_536;
const newline = 0x0a;

/** Some lines at a time, newest first; what follows the last newline counts as one. A file that is not there has none. */
export async function* linesBackwards(path: string): AsyncGenerator<readonly string[], void, undefined> {
  const opened = await openOrNull(path);
  if (opened === null) return;
  await using file = opened;
  let { size: at } = await file.stat();
  /** Of a line whose beginning is further to the front. */
  let end: Buffer = Buffer.alloc(0);
  while (at > 0) {
    const start = Math.max(0, at - blockBytes);
    const block = Buffer.concat([await bytesOf(file, start, at), end]);
    at = start;
    const first = start === 0 ? -1 : block.indexOf(newline);
    if (start > 0 && first === -1) {
      end = block;
      continue;
    }
    end = block.subarray(0, Math.max(0, first));
    yield block
      .toString("utf8", first + 1)
      .split("\n")
      .reverse();
  }
}

async function openOrNull(path: string): Promise<FileHandle | null> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
}

async function bytesOf(file: FileHandle, start: number, end: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(end - start), 0, end - start, start);
  return buffer.subarray(0, bytesRead);
}
