// One invocation inside the guest, from its Invoke frame on: makes the Request, calls the function, sends its answer, waits
// for what it asked to wait for. session.ts tells tsfnd that it is settled.

import {
  type Cancel,
  encode,
  encodeResponseHead,
  type FrameWriter,
  type Init,
  type Invoke,
  limits,
  toDaemon,
} from "../wire/index.ts";
import { BadResponse, badResponse, failureOf } from "./failure.ts";
import type { Handler, IncomingCall, ResponseLike } from "./handlers/index.ts";
import { lightRequest } from "./light-request.ts";
import { lightAnswerOf } from "./light-response.ts";
import { Printer, printing } from "./output.ts";
import type { ExecutionContext } from "./public.ts";
import { RequestBody } from "./request-body.ts";
import { asResponse, checkedHead, headOf, ResponseBody } from "./response.ts";

/** What all calls of a process share. */
export interface CallSite {
  readonly writer: FrameWriter;
  readonly handler: Handler;
  readonly env: Init["env"];
}

// Taken before the function's code runs, which may put its own in place.
const { AbortController } = globalThis;

/** A text of so many characters is no longer than a chunk, whatever they are. */
const mostWholeLength = Math.floor(limits.maxChunkBytes / 3);

/** What few calls need is made when it is asked for: most are over before anything of it is. */
export class Call {
  readonly #site: CallSite;
  readonly #number: number;
  readonly #invoke: Invoke;
  readonly #deadlineMs: number;
  readonly #requestBody: RequestBody | null;
  #abort: AbortController | null = null;
  #aborted: Error | null = null;
  #printer: Printer | null = null;
  /** tsfnd takes no more frames of it. */
  #isOver = false;
  #responseBody: ResponseBody | null = null;
  #background: Set<Promise<void>> | null = null;

  constructor(site: CallSite, number: number, invoke: Invoke) {
    const { writer } = site;
    this.#site = site;
    this.#number = number;
    this.#invoke = invoke;
    this.#deadlineMs = Date.now() + invoke.remainingMs;
    this.#requestBody = invoke.hasBody
      ? new RequestBody((bytes) => writer.send(toDaemon.credit, number, encode({ bytes })))
      : null;
  }

  /** Never rejects: what goes wrong is told to tsfnd. */
  async run(): Promise<void> {
    await printing.run(this, () => this.#run());
    this.#requestBody?.fail(new Error("the invocation is over"));
    this.#isOver = true;
    this.#printer?.end();
  }

  /** Of what this call prints. */
  get printer(): Printer {
    // What work of its still running prints belongs to none.
    this.#printer ??= new Printer(this.#site.writer, this.#isOver ? 0 : this.#number);
    return this.#printer;
  }

  receive(chunk: Buffer): void {
    this.#requestBody?.push(chunk);
  }

  receiveEnd(): void {
    this.#requestBody?.end();
  }

  grant(bytes: number): void {
    this.#responseBody?.grant(bytes);
  }

  cancel(reason: Cancel["reason"]): void {
    const error = abortErrors[reason]();
    this.#aborted ??= error;
    // Listeners of the signal print as this invocation does.
    printing.run(this, () => this.#abort?.abort(error));
    this.#requestBody?.fail(error);
    this.#responseBody?.cancel(error);
  }

  /** Prints lines that have no end yet: the process is about to go. */
  endOutput(): void {
    this.#printer?.end();
  }

  async #run(): Promise<void> {
    try {
      await this.#answer();
    } catch (thrown) {
      this.#fail(thrown);
    }
    this.#requestBody?.finish();
    while (this.#background !== null && this.#background.size > 0) await Promise.all(this.#background);
  }

  async #answer(): Promise<void> {
    const returned = await this.#site.handler.answer(this.#incoming());
    const light = lightAnswerOf(returned);
    if (light === null || (light.text !== null && light.text.length > mostWholeLength)) {
      return this.#send(asResponse(returned));
    }
    const { status, headers, text } = light;
    const head = checkedHead(status, headers, text !== null, this.#invoke);
    if (this.#aborted !== null) throw this.#aborted;
    const { writer } = this.#site;
    if (text === null || !head.hasBody) writer.sendText(toDaemon.response, this.#number, encodeResponseHead(head));
    else writer.sendWithBody(toDaemon.answer, this.#number, encodeResponseHead(head), text);
  }

  async #send(response: ResponseLike): Promise<void> {
    const { writer } = this.#site;
    const head = headOf(response, this.#invoke);
    if (this.#aborted !== null) {
      dismiss(response, this.#aborted);
      throw this.#aborted;
    }
    writer.sendText(toDaemon.response, this.#number, encodeResponseHead(head));
    if (response.body === null) return;
    if (!head.hasBody) {
      dismiss(response, "this answer has no body");
      return;
    }
    this.#responseBody = new ResponseBody((chunk) => writer.send(toDaemon.body, this.#number, chunk));
    await this.#responseBody.pump(response.body);
    writer.send(toDaemon.bodyEnd, this.#number);
  }

  #incoming(): IncomingCall {
    const { method, url, headers } = this.#invoke;
    return {
      method,
      url,
      headers,
      body: this.#requestBody?.stream ?? null,
      env: this.#site.env,
      context: this.#context(),
      request: () => this.#request(),
    };
  }

  #request(): Request {
    const { method, url, headers } = this.#invoke;
    return lightRequest({ method, url, headers, body: () => this.#bodyOfRequest(), signal: () => this.#signal });
  }

  /** The fetch standard knows no body on GET and HEAD; one that came is swallowed. */
  #bodyOfRequest(): ReadableStream<Uint8Array> | null {
    const { method } = this.#invoke;
    if (method !== "GET" && method !== "HEAD") return this.#requestBody?.stream ?? null;
    this.#requestBody?.swallow();
    return null;
  }

  get #signal(): AbortSignal {
    if (this.#abort === null) {
      this.#abort = new AbortController();
      if (this.#aborted !== null) this.#abort.abort(this.#aborted);
    }
    return this.#abort.signal;
  }

  #context(): ExecutionContext {
    const { requestId } = this.#invoke;
    const waitUntil = (work: Promise<unknown>) => this.#waitUntil(work);
    return new Context({ requestId, deadlineMs: this.#deadlineMs, waitUntil }, () => this.#signal);
  }

  #waitUntil(work: Promise<unknown>): void {
    this.#background ??= new Set();
    const background = this.#background;
    const entry: Promise<void> = Promise.resolve(work)
      .then(
        () => undefined,
        (thrown) => this.printer.print("stderr", "error", `waitUntil: ${failureOf(thrown).stack}\n`),
      )
      .finally(() => background.delete(entry));
    background.add(entry);
  }

  #fail(thrown: unknown): void {
    const failure = thrown instanceof BadResponse ? badResponse(thrown.message) : failureOf(thrown);
    this.#site.writer.send(toDaemon.failed, this.#number, encode(failure));
  }
}

/**
 * A class, because a getter in an object literal is a new function each time, and V8 makes a hidden class for each such object:
 * they would all be kept until a full collection (decision 0016). What a function takes out of it needs no `this`.
 */
class Context implements ExecutionContext {
  readonly requestId: string;
  readonly deadline: Date;
  readonly remainingMs: () => number;
  readonly waitUntil: ExecutionContext["waitUntil"];
  readonly #signal: () => AbortSignal;

  constructor(fields: ContextFields, signal: () => AbortSignal) {
    const { deadlineMs } = fields;
    this.requestId = fields.requestId;
    this.deadline = new Date(deadlineMs);
    this.remainingMs = () => Math.max(0, deadlineMs - Date.now());
    this.waitUntil = fields.waitUntil;
    this.#signal = signal;
  }

  get signal(): AbortSignal {
    return this.#signal();
  }
}

interface ContextFields extends Pick<ExecutionContext, "requestId" | "waitUntil"> {
  readonly deadlineMs: number;
}

/** Tells the source of a body that nobody reads it; whether its own cleaning up succeeds changes nothing here. */
function dismiss(response: ResponseLike, reason: unknown): void {
  response.body?.cancel(reason).catch(() => undefined);
}

const abortErrors: Readonly<Record<Cancel["reason"], () => Error>> = {
  client: () => new DOMException("the client left before the answer", "AbortError"),
  deadline: () => new DOMException("the invocation ran past its deadline", "TimeoutError"),
  shutdown: () => new DOMException("the server is shutting down", "AbortError"),
};
