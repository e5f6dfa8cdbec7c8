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
import { knownTextOf } from "./known-response.ts";
import { Printer, printers } from "./output.ts";
import type { ExecutionContext } from "./public.ts";
import { RequestBody } from "./request-body.ts";
import { asResponse, headOf, ResponseBody } from "./response.ts";

/** What all calls of a process share. */
export interface CallSite {
  readonly writer: FrameWriter;
  readonly handler: Handler;
  readonly env: Init["env"];
}

// Taken before the function's code runs, which may put its own in place.
const { AbortController, Request } = globalThis;

/** A text of so many characters is no longer than a chunk, whatever they are. */
const mostWholeLength = Math.floor(limits.maxChunkBytes / 3);

export class Call {
  readonly #site: CallSite;
  readonly #number: number;
  readonly #invoke: Invoke;
  readonly #deadlineMs: number;
  readonly #abort = new AbortController();
  readonly #printer: Printer;
  readonly #requestBody: RequestBody | null;
  readonly #responseBody: ResponseBody;
  readonly #background = new Set<Promise<void>>();

  constructor(site: CallSite, number: number, invoke: Invoke) {
    const { writer } = site;
    this.#site = site;
    this.#number = number;
    this.#invoke = invoke;
    this.#deadlineMs = Date.now() + invoke.remainingMs;
    this.#printer = new Printer(writer, number);
    this.#requestBody = invoke.hasBody
      ? new RequestBody((bytes) => writer.send(toDaemon.credit, number, encode({ bytes })))
      : null;
    this.#responseBody = new ResponseBody((chunk) => writer.send(toDaemon.body, number, chunk));
  }

  /** Never rejects: what goes wrong is told to tsfnd. */
  async run(): Promise<void> {
    await printers.run(this.#printer, async () => {
      try {
        await this.#answer();
      } catch (thrown) {
        this.#fail(thrown);
      }
      this.#requestBody?.finish();
      while (this.#background.size > 0) await Promise.all(this.#background);
    });
    this.#requestBody?.fail(new Error("the invocation is over"));
    this.#printer.end();
  }

  receive(chunk: Buffer): void {
    this.#requestBody?.push(chunk);
  }

  receiveEnd(): void {
    this.#requestBody?.end();
  }

  grant(bytes: number): void {
    this.#responseBody.grant(bytes);
  }

  cancel(reason: Cancel["reason"]): void {
    const error = abortErrors[reason]();
    // Listeners of the signal print as this invocation does.
    printers.run(this.#printer, () => this.#abort.abort(error));
    this.#requestBody?.fail(error);
    this.#responseBody.cancel(error);
  }

  /** Prints lines that have no end yet: the process is about to go. */
  endOutput(): void {
    this.#printer.end();
  }

  async #answer(): Promise<void> {
    const { writer } = this.#site;
    const response = asResponse(await this.#site.handler.answer(this.#incoming()));
    const head = headOf(response, this.#invoke);
    const { signal } = this.#abort;
    if (signal.aborted) {
      dismiss(response, signal.reason);
      throw signal.reason;
    }
    const text = head.hasBody ? knownTextOf(response) : null;
    if (text !== null && text.length <= mostWholeLength) {
      writer.sendWithBody(toDaemon.answer, this.#number, encodeResponseHead(head), text);
      return;
    }
    writer.sendText(toDaemon.response, this.#number, encodeResponseHead(head));
    if (response.body === null) return;
    if (!head.hasBody) {
      dismiss(response, "this answer has no body");
      return;
    }
    await this.#responseBody.pump(response.body);
    writer.send(toDaemon.bodyEnd, this.#number);
  }

  #incoming(): IncomingCall {
    const { method, url, headers } = this.#invoke;
    const makeRequest = () => this.#request();
    let request: Request | null = null;
    return {
      method,
      url,
      headers,
      body: this.#requestBody?.stream ?? null,
      env: this.#site.env,
      context: this.#context(),
      get request() {
        request ??= makeRequest();
        return request;
      },
    };
  }

  #request(): Request {
    const { method, url, headers } = this.#invoke;
    const pairs: [string, string][] = [];
    for (let at = 0; at < headers.length; at += 2) pairs.push([headers[at] ?? "", headers[at + 1] ?? ""]);
    // The fetch standard knows no body on GET and HEAD; one that came is swallowed.
    const body = method === "GET" || method === "HEAD" ? null : (this.#requestBody?.stream ?? null);
    if (body === null) this.#requestBody?.finish();
    const init = { method, headers: pairs, body, signal: this.#abort.signal, duplex: "half" as const };
    return new Request(url, init);
  }

  #context(): ExecutionContext {
    const deadlineMs = this.#deadlineMs;
    return {
      requestId: this.#invoke.requestId,
      signal: this.#abort.signal,
      deadline: new Date(deadlineMs),
      remainingMs: () => Math.max(0, deadlineMs - Date.now()),
      waitUntil: (work) => this.#waitUntil(work),
    };
  }

  #waitUntil(work: Promise<unknown>): void {
    const entry: Promise<void> = Promise.resolve(work)
      .then(
        () => undefined,
        (thrown) => this.#printer.print("stderr", "error", `waitUntil: ${failureOf(thrown).stack}\n`),
      )
      .finally(() => this.#background.delete(entry));
    this.#background.add(entry);
  }

  #fail(thrown: unknown): void {
    const failure = thrown instanceof BadResponse ? badResponse(thrown.message) : failureOf(thrown);
    this.#site.writer.send(toDaemon.failed, this.#number, encode(failure));
  }
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
