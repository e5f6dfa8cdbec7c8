// Writes frames to a stream. They gather in memory and leave in one write: at the end of the tick, or whenever the owner
// says so, who knows what can wait (`soon`).

// Imported, not global: in the guest a function may have put something else in the global's place.
import { Buffer } from "node:buffer";
import type { Writable } from "node:stream";
import { headerBytes, writeHeader } from "./frames.ts";

/** Frames are laid out in pieces of memory of this size, each used once: the stream may hold on to what it was given. */
const slabBytes = 16_384;

/** A longer payload is handed to the stream as it is instead of being copied behind its header. */
const copyBelowBytes = 4_096;

/** UTF-8 takes this much for a character of a JavaScript string at most. */
const mostUtf8Bytes = 3;

export class FrameWriter {
  #sink: Writable;
  readonly #soon: (flush: () => void) => void;
  readonly #flush = () => this.flush();
  #slab: Buffer = Buffer.alloc(0);
  /** Frames not handed over are #full, then the bytes of #slab from #start to #used. */
  #start = 0;
  #used = 0;
  #full: Uint8Array[] = [];
  #isPending = false;

  /** `soon` arranges for one call of what it gets, at the latest moment that the frames may leave. */
  constructor(sink: Writable, soon: (flush: () => void) => void = process.nextTick) {
    this.#sink = sink;
    this.#soon = soon;
  }

  /** From now on to another stream; nothing may be pending on the first. */
  redirect(sink: Writable): void {
    this.#sink = sink;
    this.#isPending = false;
  }

  /** Does nothing on a stream that is closed, as all others: what was in flight ends by the reader's end of it. */
  send(kind: number, invocation: number, payload?: Uint8Array): void {
    if (!this.#sink.writable) return;
    const bytes = payload?.byteLength ?? 0;
    const inline = payload !== undefined && bytes <= copyBelowBytes;
    const at = this.#reserve(headerBytes + (inline ? bytes : 0));
    writeHeader(this.#slab, at, kind, invocation, bytes);
    if (inline) this.#slab.set(payload, at + headerBytes);
    else if (payload !== undefined) this.#append(payload);
    this.#arrange();
  }

  /** `text` holds Latin-1 only. */
  sendText(kind: number, invocation: number, text: string): void {
    if (!this.#sink.writable) return;
    const at = this.#reserve(headerBytes + text.length);
    writeHeader(this.#slab, at, kind, invocation, text.length);
    this.#slab.write(text, at + headerBytes, "latin1");
    this.#arrange();
  }

  /** A payload of u32 length of `text` · `text` in Latin-1 · `body`, a string as UTF-8. */
  sendWithBody(kind: number, invocation: number, text: string, body: string | Uint8Array): void {
    if (!this.#sink.writable) return;
    const textBytes = 4 + text.length;
    const mostBytes = typeof body === "string" ? body.length * mostUtf8Bytes : body.byteLength;
    const at = this.#reserve(headerBytes + textBytes + mostBytes);
    const slab = this.#slab;
    slab.writeUInt32LE(text.length, at + headerBytes);
    slab.write(text, at + headerBytes + 4, "latin1");
    const bodyAt = at + headerBytes + textBytes;
    let bodyBytes = mostBytes;
    if (typeof body === "string") bodyBytes = slab.write(body, bodyAt, "utf8");
    else slab.set(body, bodyAt);
    this.#used -= mostBytes - bodyBytes;
    writeHeader(slab, at, kind, invocation, textBytes + bodyBytes);
    this.#arrange();
  }

  /** Hands what was sent to the kernel now, for those who may not see the end of this tick. */
  flush(): void {
    if (!this.#isPending) return;
    this.#isPending = false;
    const sink = this.#sink;
    const last = this.#slab.subarray(this.#start, this.#used);
    this.#start = this.#used;
    if (this.#full.length === 0) {
      sink.write(last);
      return;
    }
    sink.cork();
    for (const piece of this.#full.splice(0)) sink.write(piece);
    if (last.length > 0) sink.write(last);
    sink.uncork();
  }

  /** Calls `then` when the kernel has taken everything that was sent. */
  whenFlushed(then: () => void): void {
    this.flush();
    this.#sink.write(Buffer.alloc(0), then);
  }

  /** Bytes the kernel has not taken yet. */
  get pendingBytes(): number {
    return this.#sink.writableLength + this.#used - this.#start;
  }

  /** Where so many bytes may be written in #slab. */
  #reserve(bytes: number): number {
    if (this.#used + bytes > this.#slab.length) {
      this.#cut();
      this.#slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, bytes));
      this.#start = this.#used = 0;
    }
    const at = this.#used;
    this.#used += bytes;
    return at;
  }

  #append(bytes: Uint8Array): void {
    this.#cut();
    this.#full.push(bytes);
  }

  /** What is in #slab becomes a piece of its own. */
  #cut(): void {
    if (this.#used > this.#start) this.#full.push(this.#slab.subarray(this.#start, this.#used));
    this.#start = this.#used;
  }

  #arrange(): void {
    if (this.#isPending) return;
    this.#isPending = true;
    this.#soon(this.#flush);
  }
}
