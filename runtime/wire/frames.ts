// Frames as bytes: their layout, and a decoder fed with whatever arrived. frame-writer.ts makes them; what the payloads mean
// is payloads.ts.

// Imported, not global: in the guest a function may have put something else in the global's place.
import { Buffer } from "node:buffer";
import { limits, toDaemon, toGuest } from "./messages.ts";

export interface Frame {
  readonly kind: number;
  /** 0: of no invocation. */
  readonly invocation: number;
  /**
   * The receiver's only until it returns: mostly a view of the chunk it arrived in, whose memory takes the next one. A raw one
   * comes in pieces instead of being gathered.
   */
  readonly payload: Buffer;
}

/** The peer sent what this protocol does not allow; the only answer is to give up on it. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

const lengthBytes = 4;
/** Kind and invocation, counted by the length. */
const prefixBytes = 5;
export const headerBytes = lengthBytes + prefixBytes;

const rawKinds: ReadonlySet<number> = new Set([toGuest.body, toDaemon.body]);
const emptyKinds: ReadonlySet<number> = new Set([
  toGuest.bodyEnd,
  toGuest.retire,
  toGuest.reset,
  toGuest.revoke,
  toDaemon.bodyEnd,
  toDaemon.dirty,
  toDaemon.resetDone,
  toDaemon.revoked,
]);

/** Longest payload a frame of this kind may have. */
export function maxPayloadBytes(kind: number): number {
  if (emptyKinds.has(kind)) return 0;
  return rawKinds.has(kind) ? limits.maxChunkBytes : limits.maxControlBytes;
}

/** Writes the header of a frame with a payload of `bytes` at `buffer[at]`. */
export function writeHeader(buffer: Buffer, at: number, kind: number, invocation: number, bytes: number): void {
  buffer.writeUInt32LE(prefixBytes + bytes, at);
  buffer[at + lengthBytes] = kind;
  buffer.writeUInt32LE(invocation, at + lengthBytes + 1);
}

/** Cuts a byte stream into frames. A length is checked before anything is allocated for it. */
export class FrameDecoder {
  readonly #header = Buffer.alloc(headerBytes);
  #headerFilled = 0;
  /** The payload being gathered over several chunks; null between frames. */
  #payload: Buffer | null = null;
  #payloadFilled = 0;
  /** Bytes of a raw payload still to come; its header is in #header. */
  #rawLeft = 0;

  /** @throws ProtocolError, after which the decoder must not be used. */
  push(chunk: Buffer, onFrame: (frame: Frame) => void): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#rawLeft > 0) {
        at += this.#pass(chunk, at, onFrame);
        continue;
      }
      if (this.#payload !== null) {
        at += this.#fill(chunk, at, onFrame);
        continue;
      }
      if (this.#headerFilled > 0 || chunk.length - at < headerBytes) {
        at += this.#fillHeader(chunk, at);
        if (this.#headerFilled < headerBytes) return;
        this.#headerFilled = 0;
        at += this.#begin(this.#header, 0, chunk, at, onFrame);
        continue;
      }
      const start = at + headerBytes;
      at = start + this.#begin(chunk, at, chunk, start, onFrame);
    }
  }

  #fillHeader(chunk: Buffer, at: number): number {
    const taken = chunk.copy(this.#header, this.#headerFilled, at, at + headerBytes - this.#headerFilled);
    this.#headerFilled += taken;
    return taken;
  }

  /** Reads the header at `header[at]`; returns how many bytes of `chunk` from `start` it has dealt with. */
  #begin(header: Buffer, at: number, chunk: Buffer, start: number, onFrame: (frame: Frame) => void): number {
    const kind = header.readUInt8(at + lengthBytes);
    const bytes = header.readUInt32LE(at) - prefixBytes;
    const most = maxPayloadBytes(kind);
    if (bytes < 0 || bytes > most) {
      throw new ProtocolError(`a frame of kind ${kind} has a payload of ${bytes} bytes; wanted 0 to ${most}`);
    }
    if (chunk.length - start >= bytes) {
      const invocation = header.readUInt32LE(at + lengthBytes + 1);
      onFrame({ kind, invocation, payload: chunk.subarray(start, start + bytes) });
      return bytes;
    }
    if (header !== this.#header) header.copy(this.#header, 0, at, at + headerBytes);
    if (rawKinds.has(kind)) {
      this.#rawLeft = bytes;
      return 0;
    }
    this.#payload = Buffer.allocUnsafeSlow(bytes);
    this.#payloadFilled = 0;
    return 0;
  }

  #pass(chunk: Buffer, at: number, onFrame: (frame: Frame) => void): number {
    const payload = chunk.subarray(at, at + this.#rawLeft);
    this.#rawLeft -= payload.length;
    const kind = this.#header.readUInt8(lengthBytes);
    onFrame({ kind, invocation: this.#header.readUInt32LE(lengthBytes + 1), payload });
    return payload.length;
  }

  #fill(chunk: Buffer, at: number, onFrame: (frame: Frame) => void): number {
    const payload = this.#payload;
    if (payload === null) return 0;
    const taken = chunk.copy(payload, this.#payloadFilled, at);
    this.#payloadFilled += taken;
    if (this.#payloadFilled === payload.length) {
      this.#payload = null;
      const kind = this.#header.readUInt8(lengthBytes);
      onFrame({ kind, invocation: this.#header.readUInt32LE(lengthBytes + 1), payload });
    }
    return taken;
  }
}
