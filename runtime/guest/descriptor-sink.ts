// A descriptor as a stream without the event loop: written at once, and nothing is left of it that a fork would copy. A
// zygote speaks to tsfnd through it.

import { Buffer } from "node:buffer";
import { readSync, writeSync } from "node:fs";
import { Writable } from "node:stream";
import { type Frame, FrameDecoder } from "../wire/index.ts";

export class DescriptorSink extends Writable {
  readonly #fd: number;

  constructor(fd: number) {
    super({ emitClose: false });
    this.#fd = fd;
  }

  override _write(piece: Buffer, _encoding: BufferEncoding, done: () => void): void {
    for (let at = 0; at < piece.length; at += writeSync(this.#fd, piece, at));
    done();
  }
}

/** Waits for one frame, and nothing after it. @throws Error at the end of the stream */
export function readFrame(fd: number): Frame {
  const decoder = new FrameDecoder();
  const chunk = Buffer.alloc(65_536);
  const frames: Frame[] = [];
  while (frames.length === 0) {
    const length = readSync(fd, chunk);
    if (length === 0) throw new Error("the stream ended before a frame was complete");
    // The payload may be a view of the chunk, which the next read overwrites.
    decoder.push(Buffer.from(chunk.subarray(0, length)), (frame) => frames.push(frame));
  }
  const [frame] = frames;
  if (frame === undefined || frames.length > 1) throw new Error(`${frames.length} frames came; wanted one`);
  return frame;
}
