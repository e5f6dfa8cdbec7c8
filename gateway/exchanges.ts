// The requests between accept and the last byte of their answer. Each has a request id and an AbortSignal; together they
// are what a drain waits for. invoke.ts answers one.

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { ChurnSet } from "../runtime/churn.ts";
import { asTsfnError, TsfnError } from "../runtime/errors.ts";
import { now } from "../runtime/trace.ts";
import { authorityOf } from "./request-headers.ts";
import { requestIdOf } from "./request-id.ts";

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  /** Host as the client named it, with its port. Reading it @throws TsfnError REQUEST_MALFORMED */
  readonly authority: string;
  /** On the clock of runtime/trace.ts, milliseconds. */
  readonly acceptedAtMs: number;
  /** The client sends its body only after `welcomeBody`. */
  readonly awaitsContinue: boolean;
  /** It asks to speak WebSocket on this connection (upgrade.ts). */
  readonly upgrade: boolean;
  /** Aborts when the client leaves or the server gives up; `reason` is a TsfnError. */
  readonly signal: AbortSignal;
  /** The first reason wins. */
  abort(reason: TsfnError): void;
  /** Answers 100 Continue to a client that waits for it. */
  welcomeBody(): void;
}

export interface OpenOptions {
  readonly awaitsContinue?: boolean;
  readonly upgrade?: boolean;
}

export class Exchanges {
  readonly #open = new ChurnSet<Exchange>();
  readonly #idleWaiters: (() => void)[] = [];
  /** Once new invocations are refused: whose answer ends each connection. */
  readonly #lasts = new WeakMap<Duplex, Exchange>();
  #refusal: TsfnError | null = null;

  /** Why new invocations are refused; null while they are welcome. */
  get refusal(): TsfnError | null {
    return this.#refusal;
  }

  get size(): number {
    return this.#open.size;
  }

  open(request: IncomingMessage, response: ServerResponse, options: OpenOptions = {}): Exchange {
    const exchange = new OpenExchange(request, response, options);
    this.#open.add(exchange);
    if (this.#refusal !== null) this.#endWith(exchange);
    this.#closeWith(exchange);
    return exchange;
  }

  /** In the order in which they were asked. */
  ofSocket(socket: Duplex): Exchange[] {
    return this.#open.values().filter(({ request }) => request.socket === socket);
  }

  /** Calls `act` when all that was asked on this connection is answered: now when nothing is open on it. */
  whenAnswered(socket: Duplex, act: () => void): void {
    const last = this.ofSocket(socket).at(-1);
    if (last === undefined) act();
    else last.response.once("finish", act);
  }

  /** From now on new invocations get `reason`, and every connection ends with its last answer. The first reason wins. */
  refuse(reason: TsfnError): void {
    this.#refusal ??= reason;
    for (const exchange of this.#open.values()) this.#endWith(exchange);
  }

  abortAll(reason: TsfnError): void {
    for (const exchange of this.#open.values()) exchange.abort(reason);
  }

  /** Resolves when no request is unanswered. */
  async idle(): Promise<void> {
    if (this.#open.size > 0) await new Promise<void>((resolve) => this.#idleWaiters.push(resolve));
  }

  /** Until another one comes on its connection: ending that before would lose the answers to those behind it. */
  #endWith(exchange: Exchange): void {
    const { socket } = exchange.request;
    const before = this.#lasts.get(socket);
    if (before?.response.headersSent === false) before.response.shouldKeepAlive = true;
    this.#lasts.set(socket, exchange);
    if (!exchange.response.headersSent) exchange.response.shouldKeepAlive = false;
  }

  /** A pipelined request's response hears nothing of a closed connection, so the socket is watched too. */
  #closeWith(exchange: Exchange): void {
    const { request, response } = exchange;
    const { socket } = request;
    const close = (): void => {
      if (!this.#open.delete(exchange)) return;
      socket.off("close", close);
      if (!response.writableFinished) {
        exchange.abort(
          new TsfnError("CLIENT_CLOSED", "The client closed the connection before the answer was complete"),
        );
      }
      if (this.#open.size === 0) for (const resolve of this.#idleWaiters.splice(0)) resolve();
    };
    response.once("close", close);
    socket.once("close", close);
    // A socket's error is followed by its close, which is what counts; without a listener it would be uncaught.
    request.on("error", noop);
    response.on("error", noop);
  }
}

class OpenExchange implements Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly acceptedAtMs = now();
  readonly upgrade: boolean;
  readonly #controller = new AbortController();
  #waits: boolean;
  #authority: string | null = null;

  constructor(request: IncomingMessage, response: ServerResponse, { awaitsContinue, upgrade }: OpenOptions) {
    this.request = request;
    this.response = response;
    this.requestId = requestIdOf(request);
    this.upgrade = upgrade ?? false;
    this.#waits = awaitsContinue ?? false;
  }

  get authority(): string {
    this.#authority ??= authorityOf(this.request);
    return this.#authority;
  }

  get awaitsContinue(): boolean {
    return this.#waits;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  abort(reason: TsfnError): void {
    this.#controller.abort(reason);
  }

  welcomeBody(): void {
    if (this.#waits) this.response.writeContinue();
    this.#waits = false;
  }
}

/** The TsfnError an exchange was aborted with. */
export function reasonOf(signal: AbortSignal): TsfnError {
  return asTsfnError(signal.reason);
}

function noop(): void {}
