// The request's body inside the guest: frames go in, a web stream comes out, and credit goes back as the function reads.

import { ReceiveWindow } from "../wire/index.ts";

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

  /** The answer is complete: what nobody reads is swallowed, so that the client's upload does not wait for it. */
  finish(): void {
    if (!this.stream.locked) this.#discard();
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
