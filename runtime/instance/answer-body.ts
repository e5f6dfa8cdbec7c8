// The answer's body on its way to the client: frames go in, a Readable comes out, and the guest is granted more only as
// the reader takes what there is.

import { Readable } from "node:stream";
import type { TsfnError } from "../errors.ts";
import { ReceiveWindow } from "../wire/index.ts";

export interface AnswerSource {
  grant(bytes: number): void;
  /** The reader destroyed the stream before its end. */
  abandoned(): void;
}

export class AnswerBody {
  readonly stream: Readable;
  readonly #source: AnswerSource;
  readonly #window = new ReceiveWindow();
  readonly #queue: Buffer[] = [];
  #wanted = false;
  #ended = false;
  #failed = false;

  constructor(source: AnswerSource) {
    this.#source = source;
    this.stream = new Readable({
      read: () => {
        this.#wanted = true;
        this.#pump();
      },
      destroy: (error, done) => {
        this.#queue.length = 0;
        // Whoever else destroys it is the reader, with an error of his own or with none.
        if (!this.#ended && !this.#failed) this.#source.abandoned();
        done(error);
      },
    });
    // The instance may fail before the reader has attached its own listener, which will hear of it as well.
    this.stream.on("error", () => undefined);
  }

  /** Keeps a copy of the chunk. @throws ProtocolError when the guest sends more than it was granted. */
  push(chunk: Buffer): void {
    this.#window.receive(chunk.length);
    if (chunk.length === 0 || this.stream.destroyed) return;
    this.#queue.push(Buffer.from(chunk));
    this.#pump();
  }

  end(): void {
    this.#ended = true;
    this.#pump();
  }

  fail(error: TsfnError): void {
    this.#failed = true;
    this.stream.destroy(error);
  }

  #pump(): void {
    while (this.#wanted) {
      const chunk = this.#queue.shift();
      if (chunk === undefined) break;
      this.#wanted = this.stream.push(chunk);
      const credit = this.#window.use(chunk.length);
      if (credit > 0 && !this.#ended) this.#source.grant(credit);
    }
    if (this.#ended && this.#queue.length === 0 && !this.stream.destroyed) this.stream.push(null);
  }
}
