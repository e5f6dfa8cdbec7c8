// tsfnd's end of the stream of one instance. Every byte that comes is a stranger's: a frame that the protocol does not
// allow ends the peer (`violated`), and nothing after it is looked at. What an invocation's frames may be is exchange.ts.

import type { Socket } from "node:net";
import { ChurnMap } from "../churn.ts";
import {
  decodeFailure,
  decodeOutput,
  decodeReady,
  encode,
  type Failure,
  type Frame,
  FrameDecoder,
  FrameWriter,
  type Init,
  type Output,
  ProtocolError,
  type Ready,
  toDaemon,
  toGuest,
} from "../wire/index.ts";
import { Exchange, type ExchangeListener, type ExchangeOptions } from "./exchange.ts";

export interface PeerListener extends ExchangeListener {
  ready(ready: Ready): void;
  loadFailed(failure: Failure): void;
  /** As that of an exchange; the process is left alone until what it returns has settled. */
  answered(): Promise<void> | null;
  /** The writable layer was written to; the invocation that did is not settled yet. */
  dirty(): void;
  /** The guest stands in the layer that was made for it. */
  resetDone(): void;
  /** The guest has forgotten what was taken back; false when it was not asked to. */
  revoked(): boolean;
  /** `exchange` is null for output outside of any invocation. */
  printed(exchange: Exchange | null, output: Output): void;
  /** The guest broke the protocol, in a frame of `exchange` if that is known. The stream is closed. */
  violated(error: ProtocolError, exchange: Exchange | null): void;
  /** The stream is at its end; once, last. */
  closed(): void;
}

/** Of frames that wait for the end of the turn: about four invocations. */
const fewBytes = 2_048;

export class GuestPeer {
  readonly #wire: Socket;
  readonly #listener: PeerListener;
  readonly #writer: FrameWriter;
  readonly #decoder = new FrameDecoder();
  /** Those not settled. */
  readonly #exchanges = new ChurnMap<number, Exchange>();
  readonly #ofExchanges: ExchangeListener;
  #beforeFlush: () => void = () => {};
  /** trusted: takes invocations, though the guest has not said yet that it is ready. */
  #state: "loading" | "trusted" | "ready" | "over" = "loading";
  #isResetting = false;
  #lastNumber = 0;
  #study: Promise<void> | null = null;

  constructor(wire: Socket, listener: PeerListener) {
    this.#wire = wire;
    this.#listener = listener;
    // To a guest that works, frames leave together once all of this turn of the event loop are there, or a few of them, so that
    // it need not wait for the last; one that sleeps is woken at once.
    this.#writer = new FrameWriter(wire, () => {
      if (this.#exchanges.size > 0) setImmediate(this.#leave);
      else process.nextTick(this.#leave);
    });
    this.#ofExchanges = {
      failed: (exchange, failure) => listener.failed(exchange, failure),
      answered: () => {
        this.#study = listener.answered();
      },
      settled: (exchange) => {
        this.#exchanges.delete(exchange.number);
        listener.settled(exchange);
      },
    };
    wire.on("data", (chunk: Buffer) => this.#push(chunk));
    // A broken stream is a closed one; why it broke is told by how the process ended.
    wire.on("error", () => wire.destroy());
    wire.on("close", () => {
      this.#state = "over";
      listener.closed();
    });
  }

  /** Reads what it says. */
  listen(): void {
    this.#wire.resume();
  }

  /** The id alone is for a clone of a process that has loaded the function. */
  begin(first: Init | string): void {
    if (typeof first === "string") this.#writer.sendText(toGuest.adopt, 0, first);
    else this.#writer.send(toGuest.init, 0, encode(first));
  }

  /** Takes the guest for ready: it is a clone of one that was. */
  trust(): void {
    this.#state = "trusted";
  }

  reset(): void {
    this.#isResetting = true;
    this.#writer.send(toGuest.reset, 0);
  }

  open(options: Omit<ExchangeOptions, "number">): Exchange {
    this.#lastNumber += 1;
    const exchange = new Exchange({ ...options, number: this.#lastNumber }, this.#writer, this.#ofExchanges);
    this.#exchanges.set(exchange.number, exchange);
    if (this.#writer.pendingBytes >= fewBytes) process.nextTick(this.#leave);
    return exchange;
  }

  /** Calls `act` whenever frames are about to leave. */
  beforeFlush(act: () => void): void {
    this.#beforeFlush = act;
  }

  /** Those sent ahead that have not begun were taken back. */
  revoke(): void {
    this.#writer.send(toGuest.revoke, 0);
  }

  /** It was taken back: no frame of it may come. */
  forget(exchange: Exchange): void {
    exchange.release();
    this.#exchanges.delete(exchange.number);
  }

  async retire(): Promise<void> {
    await this.#study;
    if (this.#state !== "over") this.#writer.send(toGuest.retire, 0);
  }

  close(): void {
    this.#state = "over";
    this.#wire.destroy();
  }

  readonly #leave = (): void => {
    this.#beforeFlush();
    this.#writer.flush();
  };

  #push(chunk: Buffer): void {
    if (this.#state === "over") return;
    let current: Exchange | null = null;
    try {
      this.#decoder.push(chunk, (frame) => {
        current = this.#exchanges.get(frame.invocation) ?? null;
        this.#receive(frame, current);
        current = null;
      });
    } catch (thrown) {
      if (!(thrown instanceof ProtocolError)) throw thrown;
      this.close();
      this.#listener.violated(thrown, current);
    }
  }

  #receive(frame: Frame, exchange: Exchange | null): void {
    const { kind, invocation, payload } = frame;
    if (this.#state === "over") return;
    const isReady = this.#state === "ready";
    if (kind === toDaemon.output && (invocation === 0 || exchange !== null)) {
      this.#listener.printed(exchange, decodeOutput(payload));
    } else if (isReady && exchange !== null) {
      exchange.receive(frame);
    } else if (!isReady && kind === toDaemon.ready) {
      this.#state = "ready";
      this.#listener.ready(decodeReady(payload));
    } else if (!isReady && kind === toDaemon.loadFailed) {
      this.#state = "over";
      this.#listener.loadFailed(decodeFailure(payload));
    } else if (isReady && kind === toDaemon.dirty) {
      this.#listener.dirty();
    } else if (kind === toDaemon.revoked && this.#listener.revoked()) {
      // Room for others, when the next one comes.
    } else if (this.#isResetting && kind === toDaemon.resetDone) {
      this.#isResetting = false;
      this.#listener.resetDone();
    } else {
      throw new ProtocolError(`a frame of kind ${kind} came for invocation ${invocation} while ${this.#state}`);
    }
  }
}
