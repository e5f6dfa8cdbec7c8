// What the function prints through JavaScript, sent line by line with the invocation it belongs to. Native code and
// child processes write to the real descriptors 1 and 2, which tsfnd reads by itself.

import { AsyncLocalStorage } from "node:async_hooks";
import { Buffer } from "node:buffer";
import { Writable } from "node:stream";
import { encode, type FrameWriter, LineSplitter, type Output, toDaemon } from "../wire/index.ts";

type Stream = Output["stream"];
type Level = Output["level"];

/**
 * Beyond this, output that tsfnd has not read yet is dropped: a loop that only prints must not fill the memory. As much as tsfnd
 * takes in a second.
 */
const maxPendingBytes = 8 * 2 ** 20;

/** The lines of one invocation, or (number 0) those of none. */
export class Printer {
  readonly #writer: FrameWriter;
  readonly #stdout = new LineSplitter((line) => this.#send("stdout", line));
  readonly #stderr = new LineSplitter((line) => this.#send("stderr", line));
  #number: number;
  #level: Level = "info";
  #dropped = 0;

  constructor(writer: FrameWriter, number: number) {
    this.#writer = writer;
    this.#number = number;
  }

  print(stream: Stream, level: Level, piece: string | Buffer): void {
    this.#level = level;
    (stream === "stdout" ? this.#stdout : this.#stderr).push(piece);
    // Now, not at the end of the tick: an endless loop or a crash may come next, and these lines tell why.
    this.#writer.flush();
  }

  /** The invocation is over; what work of its still running prints belongs to none. */
  end(): void {
    this.#stdout.end();
    this.#level = "error";
    this.#stderr.end();
    this.#tellDropped();
    this.#number = 0;
  }

  #send(stream: Stream, text: string): void {
    if (this.#writer.pendingBytes > maxPendingBytes) {
      this.#dropped += 1;
      return;
    }
    this.#tellDropped();
    this.#frame({ stream, level: this.#level, text });
  }

  #tellDropped(): void {
    if (this.#dropped === 0) return;
    const text = `${this.#dropped} lines were dropped: they were printed faster than they could be sent`;
    this.#dropped = 0;
    this.#frame({ stream: "stderr", level: "warn", text });
  }

  #frame(output: Output): void {
    this.#writer.send(toDaemon.output, this.#number, encode(output));
  }
}

/** What something prints with; made when it prints. */
export interface Printing {
  readonly printer: Printer;
}

/** Leads everything an invocation does, however deep in callbacks, back to its printer. */
export const printing = new AsyncLocalStorage<Printing>();

/** Takes over process.stdout, process.stderr and the levels of console. `outside` prints what no invocation did. */
export function captureOutput(outside: Printer): void {
  let consoleLevel: Level | null = null;
  const capture = (stream: Stream, fd: number, level: Level) => {
    const sink = new CapturedStream((piece) => {
      (printing.getStore()?.printer ?? outside).print(stream, consoleLevel ?? level, piece);
    }, fd);
    Object.defineProperty(process, stream, { configurable: true, enumerable: true, get: () => sink });
  };
  capture("stdout", 1, "info");
  capture("stderr", 2, "error");

  // console writes to process.stdout and process.stderr while the method runs, so the level is known in between.
  for (const [method, level] of [["debug", "debug"] as const, ["warn", "warn"] as const]) {
    const original = console[method];
    console[method] = (...args: unknown[]) => {
      consoleLevel = level;
      try {
        original.apply(console, args);
      } finally {
        consoleLevel = null;
      }
    };
  }
}

/** lib/internal/streams/utils.js, kIsDestroyed. */
const isDestroyed = Symbol.for("nodejs.stream.destroyed");

class CapturedStream extends Writable {
  /** As on the streams it stands for; code that asks writes to the descriptor itself. */
  readonly fd: number;
  readonly isTTY = false;
  readonly #print: (piece: string | Buffer) => void;

  constructor(print: (piece: string | Buffer) => void, fd: number) {
    super({ decodeStrings: false, emitClose: false });
    this.#print = print;
    this.fd = fd;
  }

  override _write(piece: string | Buffer, encoding: BufferEncoding, done: () => void): void {
    const isText = typeof piece === "string";
    this.#print(isText && encoding !== "utf8" && encoding !== "utf-8" ? Buffer.from(piece, encoding) : piece);
    done();
  }

  /** A function that ends its stdout does not end it for the next invocation; but who waits for the end, as a pipeline, learns of one. */
  override end(...args: unknown[]): this {
    const [piece, encoding] = args;
    if (typeof piece === "string") this.write(piece, isEncoding(encoding) ? encoding : "utf8");
    else if (piece instanceof Uint8Array) this.write(piece);
    const done = args.at(-1);
    queueMicrotask(() => {
      if (typeof done === "function") done();
      this.#tell("finish");
    });
    return this;
  }

  /** As on the real ones: it is as before, and who waits for it to be closed does not wait any more. */
  override destroy(): this {
    queueMicrotask(() => {
      // pipeline() has marked it so.
      Reflect.deleteProperty(this, isDestroyed);
      this.#tell("close");
    });
    return this;
  }

  /** To all who wait for anything. Listeners are taken off, because pipelines leave theirs, and would pile them up. */
  #tell(end: "finish" | "close"): void {
    this.emit("drain");
    this.emit(end);
    this.removeAllListeners();
  }
}

function isEncoding(value: unknown): value is BufferEncoding {
  return typeof value === "string" && Buffer.isEncoding(value);
}
