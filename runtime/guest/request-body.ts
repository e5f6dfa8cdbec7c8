// The request's body inside the guest: frames go in, a web stream comes out, and credit goes back as the function reads.

import { limits, ReceiveWindow } from "../wire/index.ts";

// Taken before the function's code runs, which may put its own in place.
const { ReadableStream } = globalThis;

export class RequestBody {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #grant: (bytes: number) => void;
  readonly #window = new ReceiveWindow();
  readonly #queue: Uint8Array[] = [];
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #wanted = false;
  #state: "open" | "ended" | "closed" = "open";
  #isAnswered = false;

  /** `grant` tells tsfnd that so many more bytes may come. */
  constructor(grant: (bytes: number) => void) {
    this.#grant = grant;
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          this.#wanted = true;
          this.#pump();
        },
        cancel: () => this.#discard(),
      },
      { highWaterMark: 0 },
    );
  }

  /** Keeps a copy of the chunk. */
  push(chunk: Buffer): void {
    this.#window.receive(chunk.length);
    // In memory of its own: a reader may transfer what it gets.
    this.#queue.push(new Uint8Array(chunk));
    if (this.#state === "closed") this.#discard();
    else this.#pump();
    if (this.#isAnswered) this.#freeClient();
  }

  end(): void {
    if (this.#state !== "open") return;
    this.#state = "ended";
    this.#pump();
  }

  /** Nobody sends the rest: whoever reads learns why. */
  fail(reason: unknown): void {
    if (this.#state === "closed") return;
    this.#discard();
    this.#controller?.error(reason);
  }

  /** Nobody will ever read it. */
  swallow(): void {
    this.#discard();
  }

  /**
   * The answer is complete. Work that goes on may still read what comes; but where nobody does, the client's upload does not
   * wait for it.
   */
  finish(): void {
    this.#isAnswered = true;
    this.#freeClient();
  }

  #freeClient(): void {
    if (this.#state === "open" && this.#window.isFull && !this.stream.locked) this.fail(new Error(unread));
  }

  #pump(): void {
    const chunk = this.#wanted ? this.#queue.shift() : undefined;
    if (chunk !== undefined) {
      this.#wanted = false;
      this.#controller?.enqueue(chunk as Uint8Array<ArrayBuffer>);
      this.#used(chunk.length);
    }
    if (this.#state === "ended" && this.#queue.length === 0) {
      this.#state = "closed";
      this.#controller?.close();
    }
  }

  #discard(): void {
    this.#state = "closed";
    for (const chunk of this.#queue.splice(0)) this.#used(chunk.length);
  }

  #used(bytes: number): void {
    const credit = this.#window.use(bytes);
    if (credit > 0) this.#grant(credit);
  }
}

const unread =
  "the body was not read before the answer was complete, and has more than the " +
  `${limits.windowBytes} bytes that are kept for later; read it, or begin to, before you answer`;
