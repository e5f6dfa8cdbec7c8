// The request's body on its way to the guest: as fast as the guest grants, and no faster. What the client sends beyond
// that waits in its socket.

import type { Readable } from "node:stream";
import { asTsfnError, TsfnError } from "../errors.ts";
import { limits, SendWindow } from "../wire/index.ts";

export interface UploadSink {
  send(chunk: Buffer): void;
  end(): void;
  /** The client's side failed; nothing more is sent. */
  failed(error: TsfnError): void;
}

export class Upload {
  readonly #source: Readable;
  readonly #sink: UploadSink;
  readonly #window = new SendWindow();
  /** Read from the source, not yet granted. */
  #rest: Buffer | null = null;
  #ended = false;
  #stopped = false;

  constructor(source: Readable, sink: UploadSink) {
    this.#source = source;
    this.#sink = sink;
    // Stays when the upload is stopped: a client that leaves afterwards must not end the server.
    source.on("error", (error: Error) => this.#fail(asTsfnError(error)));
    source.on("end", this.#onEnd);
    source.on("close", this.#onClose);
    source.on("data", this.#onData);
  }

  /** @throws ProtocolError when the guest grants more than it was sent. */
  grant(bytes: number): void {
    this.#window.grant(bytes);
    if (!this.#stopped) this.#pump();
  }

  /** Nobody reads the rest; it is swallowed, so that the client gets to read its answer. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#rest = null;
    const source = this.#source;
    source.off("end", this.#onEnd).off("close", this.#onClose).off("data", this.#onData);
    source.resume();
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#rest = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#pump();
  };

  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#pump();
  };

  readonly #onClose = (): void => {
    if (!this.#ended) this.#fail(new TsfnError("CLIENT_CLOSED", "The client left in the middle of its request's body"));
  };

  #pump(): void {
    while (this.#rest !== null) {
      const rest = this.#rest;
      const bytes = Math.min(rest.length, limits.maxChunkBytes, this.#window.availableBytes);
      if (bytes === 0 && rest.length > 0) {
        this.#source.pause();
        return;
      }
      if (bytes > 0) this.#sink.send(rest.subarray(0, bytes));
      this.#window.spend(bytes);
      this.#rest = bytes === rest.length ? null : rest.subarray(bytes);
    }
    if (!this.#ended) {
      if (this.#source.isPaused()) this.#source.resume();
      return;
    }
    this.stop();
    this.#sink.end();
  }

  #fail(error: TsfnError): void {
    if (this.#stopped) return;
    this.stop();
    this.#sink.failed(error);
  }
}
