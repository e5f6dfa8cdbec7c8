// One invocation on the stream of one instance: the order of its frames, its two bodies, and how it ended. The end is
// written once, first writer wins: the guest's answer, its failure, the deadline, the client, or the instance's death.

import type { Readable } from "node:stream";
import { TsfnError } from "../errors.ts";
import type { FlatHeaders, Invocation } from "../invocation.ts";
import {
  type Cancel,
  decodeAnswer,
  decodeCredit,
  decodeFailure,
  decodeResponseHead,
  encode,
  encodeInvoke,
  type Failure,
  type Frame,
  type FrameWriter,
  ProtocolError,
  toDaemon,
  toGuest,
} from "../wire/index.ts";
import { AnswerBody } from "./answer-body.ts";
import { Upload } from "./upload.ts";

export interface AnswerHead {
  readonly status: number;
  readonly headers: FlatHeaders;
  /** A Buffer is all of it. */
  readonly body: Readable | Buffer | null;
}

/** What its frames may tell the instance. */
export interface ExchangeListener {
  failed(exchange: Exchange, failure: Failure): void;
  /** The guest is through with it; the last event. */
  settled(exchange: Exchange): void;
}

export class Exchange {
  readonly number: number;
  readonly invocation: Invocation;
  /** Rejects with the TsfnError that ended it before there was a head. */
  readonly head: Promise<AnswerHead>;
  readonly #writer: FrameWriter;
  readonly #listener: ExchangeListener;
  readonly #settleHead: PromiseWithResolvers<AnswerHead>;
  readonly #upload: Upload | null;
  #answerBody: AnswerBody | null = null;
  /** What the guest may send next. */
  #expects: "head" | "body" | "settled" = "head";
  #end: "ok" | TsfnError | null = null;
  #cancelled = false;

  constructor(
    number: number,
    invocation: Invocation,
    remainingMs: number,
    writer: FrameWriter,
    listener: ExchangeListener,
  ) {
    this.number = number;
    this.invocation = invocation;
    this.#writer = writer;
    this.#listener = listener;
    this.#settleHead = Promise.withResolvers();
    this.head = this.#settleHead.promise;
    const { requestId, method, url, headers, body } = invocation;
    const invoke = { requestId, method, url, headers, hasBody: body !== null, remainingMs };
    writer.sendText(toGuest.invoke, number, encodeInvoke(invoke));
    this.#upload = body === null ? null : this.#startUpload(body);
  }

  /** `ok`, or the code of the error it ended with; null while it runs. */
  get outcome(): string | null {
    return this.#end instanceof TsfnError ? this.#end.code : this.#end;
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  /** @throws ProtocolError when the frame is not what may come now. */
  receive(frame: Frame): void {
    const { kind, payload } = frame;
    if (kind === toDaemon.answer && this.#expects === "head") this.#receiveAnswer(payload);
    else if (kind === toDaemon.response && this.#expects === "head") this.#receiveHead(payload);
    else if (kind === toDaemon.body && this.#expects === "body") this.#answerBody?.push(payload);
    else if (kind === toDaemon.bodyEnd && this.#expects === "body") this.#receiveEnd();
    else if (kind === toDaemon.failed && this.#expects !== "settled") this.#receiveFailure(payload);
    else if (kind === toDaemon.settled && this.#expects === "settled") this.#settle();
    else if (kind === toDaemon.credit && this.#upload !== null) this.#upload.grant(decodeCredit(payload).bytes);
    else
      throw new ProtocolError(`a frame of kind ${kind} came when invocation ${this.number} expects ${this.#expects}`);
  }

  /** Ends it for the caller, unless it has ended; the guest is not told. */
  fail(error: TsfnError): void {
    if (this.#end !== null) return;
    this.#end = error;
    this.#upload?.stop();
    this.#settleHead.reject(error);
    this.#answerBody?.fail(error);
  }

  /** Ends it for the caller and tells the guest that nobody waits any more. */
  cancel(error: TsfnError, reason: Cancel["reason"]): void {
    this.fail(error);
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#writer.send(toGuest.cancel, this.number, encode({ reason }));
  }

  #startUpload(body: Readable): Upload {
    return new Upload(body, {
      send: (chunk) => this.#writer.send(toGuest.body, this.number, chunk),
      end: () => this.#writer.send(toGuest.bodyEnd, this.number),
      failed: (error) => this.cancel(error, "client"),
    });
  }

  #receiveAnswer(payload: Buffer): void {
    const { head, body } = decodeAnswer(payload);
    this.#expects = "settled";
    this.#end ??= "ok";
    this.#settleHead.resolve({ status: head.status, headers: head.headers, body: head.hasBody ? body : null });
  }

  #receiveHead(payload: Buffer): void {
    const { status, headers, hasBody } = decodeResponseHead(payload);
    this.#answerBody = hasBody ? this.#startAnswer() : null;
    this.#expects = hasBody ? "body" : "settled";
    if (!hasBody) this.#end ??= "ok";
    this.#settleHead.resolve({ status, headers, body: this.#answerBody?.stream ?? null });
    // It had ended before: nobody will read this body, but its frames are still counted.
    if (this.#end instanceof TsfnError) this.#answerBody?.fail(this.#end);
  }

  #startAnswer(): AnswerBody {
    return new AnswerBody({
      grant: (bytes) => this.#writer.send(toGuest.credit, this.number, encode({ bytes })),
      abandoned: () => this.cancel(new TsfnError("CLIENT_CLOSED", "The client left before the answer's end"), "client"),
    });
  }

  #receiveEnd(): void {
    this.#expects = "settled";
    this.#end ??= "ok";
    this.#answerBody?.end();
  }

  #receiveFailure(payload: Buffer): void {
    this.#expects = "settled";
    this.#listener.failed(this, decodeFailure(payload));
  }

  #settle(): void {
    this.#upload?.stop();
    this.#listener.settled(this);
  }
}
