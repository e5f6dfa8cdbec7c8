// The near end of what a sandbox's process holds: its wire, and what it prints. All of them are read into the same memory,
// one piece at a time: no process can fill ours with its pieces, and none costs garbage.

import { readSync } from "node:fs";
import { Socket } from "node:net";
import { isErrno } from "../errors.ts";

/** As much as a pipe holds, unless its owner made it larger. pipe(7) */
const pieceBytes = 65_536;
const readBuffer = Buffer.allocUnsafeSlow(pieceBytes);
/** The other one may hold a piece that is being looked at. */
const readNowBuffer = Buffer.allocUnsafeSlow(pieceBytes);

type Done = (error?: Error | null) => void;

/**
 * A socket, or the reading end of a pipe, as a stream that is polled, not read by the thread pool as fs streams are. A piece is
 * its listener's only until that returns. Nothing is read before `resume`.
 *
 * Writing to a process that is gone is no error: what it had said by then is still to be read, and a broken stream would
 * throw it away. Its end is the reader's to find.
 */
export class ProcessSocket extends Socket {
  readonly #fd: number;
  #done: Done = () => {};

  constructor(fd: number, { writable }: { readonly writable: boolean }) {
    // Not called before this constructor is through: the event loop reads.
    const callback = (bytes: number, buffer: Uint8Array): boolean =>
      this.emit("data", (buffer as Buffer).subarray(0, bytes));
    super({ fd, readable: true, writable, onread: { buffer: readBuffer, callback } });
    this.#fd = fd;
    this.pause();
  }

  /** Hands over what has arrived by now, one piece at most; its end is the event loop's to find. */
  readNow(): void {
    if (this.destroyed || this.readableEnded) return;
    try {
      const bytes = readSync(this.#fd, readNowBuffer, 0, pieceBytes, null);
      if (bytes > 0) this.emit("data", readNowBuffer.subarray(0, bytes));
    } catch (error) {
      if (!isErrno(error, "EAGAIN")) this.destroy(error as Error);
    }
  }

  override _write(chunk: unknown, encoding: BufferEncoding, done: Done): void {
    this.#done = done;
    super._write(chunk, encoding, this.#written);
  }

  override _writev(chunks: { chunk: unknown; encoding: BufferEncoding }[], done: Done): void {
    this.#done = done;
    super._writev?.(chunks, this.#written);
  }

  readonly #written: Done = (error) => {
    this.#done(isGone(error) ? null : error);
  };
}

function isGone(error: NodeJS.ErrnoException | null | undefined): boolean {
  return error?.code === "EPIPE" || error?.code === "ECONNRESET";
}
