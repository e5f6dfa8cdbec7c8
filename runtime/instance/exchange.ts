// One invocation on the stream of one instance: the order of its frames, its two bodies, and how it ended. The end is
// written once, first writer wins: the guest's answer, its failure, the deadline, the client, or the instance's death.

import { asTsfnError, TsfnError } from "../errors.ts";
import type { Answer, Invocation } from "../invocation.ts";
import { endSpan } from "../trace.ts";
import {
  type Cancel,
  decodeAnswer,
  decodeCredit,
  decodeFailure,
  decodeResponseHead,
  decodeSettled,
  encode,
  encodeInvoke,
  type Failure,
  type Frame,
  type FrameWriter,
  ProtocolError,
  type ResponseHead,
  toDaemon,
  toGuest,
} from "../wire/index.ts";
import { AnswerBody } from "./answer-body.ts";
import type { Arrival } from "./instance.ts";
import { Upload } from "./upload.ts";

export interface ExchangeOptions {
  readonly number: number;
  readonly invocation: Invocation;
  readonly arrival: Arrival;
  /** Sent while another one runs: the guest begins it only with a ticket. */
  readonly isAhead: boolean;
  /** Nobody reads it before it begins: until then its body is left where it is. */
  readonly isHeld: boolean;
  readonly handedOverAtMs: number;
  readonly remainingMs: number;
  /** For the answer. */
  readonly version: number;
}

/** What its frames may tell the instance. */
export interface ExchangeListener {
  failed(exchange: Exchange, failure: Failure): void;
  /** Its head is there, and all that the answer took but for what it streams. */
  answered(): void;
  /** The guest is through with it; the last event. */
  settled(exchange: Exchange): void;
}

export class Exchange {
  readonly #options: ExchangeOptions;
  readonly #writer: FrameWriter;
  readonly #listener: ExchangeListener;
  readonly #caller = Promise.withResolvers<Answer>();
  #upload: Upload | null = null;
  #beganAtMs: number;
  #answerBody: AnswerBody | null = null;
  /** What the guest may send next. */
  #expects: "head" | "body" | "settled" = "head";
  #end: "ok" | TsfnError | null = null;
  #cancelled = false;
  #isUpgraded = false;
  #isOver = false;
  #tookMs = 0;

  constructor(options: ExchangeOptions, writer: FrameWriter, listener: ExchangeListener) {
    this.#options = options;
    this.#writer = writer;
    this.#listener = listener;
    this.#beganAtMs = options.handedOverAtMs;
    const { requestId, method, url, headers, body } = options.invocation;
    const invoke = { requestId, method, url, headers, hasBody: body !== null, remainingMs: options.remainingMs };
    writer.sendText(options.isAhead ? toGuest.ahead : toGuest.invoke, options.number, encodeInvoke(invoke));
    if (!options.isHeld) this.#startUpload();
  }

  get number(): number {
    return this.#options.number;
  }

  get invocation(): Invocation {
    return this.#options.invocation;
  }

  get requestId(): string {
    return this.#options.invocation.requestId;
  }

  get isAhead(): boolean {
    return this.#options.isAhead;
  }

  get cold(): boolean {
    return this.#options.arrival.cold;
  }

  /** When its turn came, as far as tsfnd can know. */
  get beganAtMs(): number {
    return this.#beganAtMs;
  }

  /** By the guest's own word, once it is over. */
  get tookMs(): number {
    return this.#tookMs;
  }

  /** Rejects with the TsfnError that ended it before there was a head; never settles when it is taken back. */
  get answered(): Promise<Answer> {
    return this.#caller.promise;
  }

  /** Of one that was taken back: whoever runs it now answers its caller. */
  get caller(): Pick<PromiseWithResolvers<Answer>, "resolve" | "reject"> {
    return this.#caller;
  }

  /** It never began here, and is somebody else's: what its caller does is no matter to this guest. */
  release(): void {
    this.#isOver = true;
  }

  /** The one before it is over, or its instance is complete. */
  begin(atMs: number): void {
    this.#beganAtMs = atMs;
    this.#startUpload();
  }

  /** `ok`, or the code of the error it ended with; null while it runs. */
  get outcome(): string | null {
    return this.#end instanceof TsfnError ? this.#end.code : this.#end;
  }

  /** It carries another protocol by now, for as long as both sides want. */
  get isUpgraded(): boolean {
    return this.#isUpgraded;
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
    else if (kind === toDaemon.settled && this.#expects === "settled") this.#settle(decodeSettled(payload));
    else if (kind === toDaemon.credit && this.#upload !== null) this.#upload.grant(decodeCredit(payload).bytes);
    else
      throw new ProtocolError(`a frame of kind ${kind} came when invocation ${this.number} expects ${this.#expects}`);
  }

  /** Ends it for the caller, unless it has ended; the guest is not told. */
  fail(error: TsfnError): void {
    if (this.#end !== null) return;
    this.#end = error;
    this.#upload?.stop();
    this.#caller.reject(error);
    this.#answerBody?.fail(error);
  }

  /** The invocation's signal says that its caller has left, or that the server gives up. */
  callerLeft(): void {
    const reason = asTsfnError(this.invocation.signal.reason);
    this.cancel(reason, reason.code === "SHUTTING_DOWN" ? "shutdown" : "client");
  }

  /** Ends it for the caller and tells the guest that nobody waits any more. */
  cancel(error: TsfnError, reason: Cancel["reason"]): void {
    if (this.#isOver) return;
    this.fail(error);
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#writer.send(toGuest.cancel, this.number, encode({ reason }));
  }

  #startUpload(): void {
    const { body } = this.invocation;
    if (body === null || this.#upload !== null) return;
    this.#upload = new Upload(body, {
      send: (chunk) => this.#writer.send(toGuest.body, this.number, chunk),
      end: () => this.#writer.send(toGuest.bodyEnd, this.number),
      failed: (error) => this.cancel(error, "client"),
    });
    if (this.#end !== null) this.#upload.stop();
  }

  #receiveAnswer(payload: Buffer): void {
    const { head, body } = decodeAnswer(payload);
    if (head.status === 101) throw new ProtocolError("101 came with all of its body");
    this.#expects = "settled";
    this.#end ??= "ok";
    this.#answer(head, head.hasBody ? body : null);
  }

  #receiveHead(payload: Buffer): void {
    const head = decodeResponseHead(payload);
    if (head.status === 101) this.#upgrade();
    this.#answerBody = head.hasBody ? this.#startAnswer() : null;
    this.#expects = head.hasBody ? "body" : "settled";
    if (!head.hasBody) this.#end ??= "ok";
    this.#answer(head, this.#answerBody?.stream ?? null);
    // It had ended before: nobody will read this body, but its frames are still counted.
    if (this.#end instanceof TsfnError) this.#answerBody?.fail(this.#end);
  }

  /** @throws ProtocolError when the client asked for no upgrade */
  #upgrade(): void {
    const asks = this.invocation.headers.some((text, at) => at % 2 === 0 && text === "upgrade");
    if (!asks) throw new ProtocolError(`101 came for invocation ${this.number}, which asks for no upgrade`);
    this.#isUpgraded = true;
  }

  #answer({ status, headers }: ResponseHead, body: Answer["body"]): void {
    const { invocation, arrival, handedOverAtMs, version } = this.#options;
    const { cold, queueMs, initMs, ...start } = arrival;
    const execMs = endSpan("exec", invocation.requestId, this.#beganAtMs);
    const waitedMs = this.#beganAtMs - handedOverAtMs;
    // A cold one waited for its instance, any other for those before it.
    const timing = cold
      ? { ...start, queueMs, initMs: initMs + waitedMs, execMs }
      : { ...start, queueMs: queueMs + waitedMs, initMs, execMs };
    this.#caller.resolve({ status, headers, body, version, cold, timing });
    this.#listener.answered();
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

  #settle(tookUs: number): void {
    this.#isOver = true;
    this.#tookMs = tookUs / 1_000;
    this.#upload?.stop();
    this.#listener.settled(this);
  }
}
