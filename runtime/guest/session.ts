// The guest's end of one stream to tsfnd: init comes first, then every Invoke frame becomes a Call (call.ts) until tsfnd
// says retire or goes away. Those sent ahead wait for their turn, one at a time. Who loads the function, and when, is
// main.ts's and zygote.ts's.

import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { ChurnMap } from "../churn.ts";
import {
  decodeAdopt,
  decodeCancel,
  decodeCredit,
  decodeInit,
  decodeInvoke,
  encode,
  encodeSettled,
  type Frame,
  FrameDecoder,
  type FrameWriter,
  type Init,
  type Invoke,
  toDaemon,
  toGuest,
} from "../wire/index.ts";
import { Call, type CallSite } from "./call.ts";
import type { LayerWatch } from "./layer-watch.ts";
import type { TakeTicket } from "./tickets.ts";

// Taken before the function's code runs, which may put its own in place.
const { performance } = globalThis;

export interface SessionOptions {
  readonly writer: FrameWriter;
  readonly layer: LayerWatch;
  readonly takeTicket: TakeTicket;
  readonly onInit: (init: Init) => void;
  readonly onAdopt: (id: string) => void;
  /** tsfnd is gone or wants no more of this process, and nothing is in flight. */
  readonly onEnd: () => void;
}

export class Session {
  readonly #options: SessionOptions;
  readonly #decoder = new FrameDecoder();
  readonly #calls = new ChurnMap<number, Call>();
  /** What came before the function was loaded. */
  readonly #early: Frame[] = [];
  /** Sent ahead, in order; their tickets are not taken yet. */
  readonly #ahead = new ChurnMap<number, Invoke>();
  /** Of those, whose callers have left. */
  readonly #cancelled = new Set<number>();
  /** What was written has to go before anything else begins. */
  #awaitsReset = false;
  #site: CallSite | null = null;
  #retiring = false;
  /** From the working directory, because a reset is due. */
  #isAway = false;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  listen(wire: Socket): void {
    wire.on("data", (chunk: Buffer) => this.#decoder.push(chunk, (frame) => this.#receive(frame)));
    // There is nobody to work for. The error of a broken stream comes with its end.
    wire.on("error", () => this.#options.onEnd());
    wire.on("close", () => this.#options.onEnd());
  }

  /** The function is loaded: its invocations may run. */
  serve(site: CallSite): void {
    this.#options.layer.renew();
    this.#site = site;
    for (const frame of this.#early.splice(0)) this.#receive(frame);
  }

  /** Prints lines that have no end yet: the process is about to go. */
  endOutput(): void {
    for (const call of this.#calls.values()) call.endOutput();
  }

  #receive(frame: Frame): void {
    const { kind, invocation, payload } = frame;
    if (kind === toGuest.init) this.#options.onInit(decodeInit(payload));
    else if (kind === toGuest.adopt) this.#options.onAdopt(decodeAdopt(payload));
    else if (this.#site === null) this.#early.push({ ...frame, payload: Buffer.from(payload) });
    else if (kind === toGuest.invoke) this.#begin(this.#site, invocation, decodeInvoke(payload));
    else if (kind === toGuest.ahead) this.#wait(invocation, decodeInvoke(payload));
    else if (kind === toGuest.revoke) this.#forget();
    else if (kind === toGuest.retire) this.#retire();
    else if (kind === toGuest.reset) this.#reset();
    else {
      // What is already settled here may still get frames that were on their way.
      const call = this.#calls.get(invocation);
      if (call !== undefined) pass(call, kind, payload);
      else if (kind === toGuest.cancel && this.#ahead.has(invocation)) this.#cancelled.add(invocation);
    }
  }

  #begin(site: CallSite, number: number, invoke: Invoke): void {
    // Nobody reset it: another invocation was on its way.
    if (this.#isAway) this.#enter();
    const call = new Call(site, number, invoke);
    this.#calls.set(number, call);
    const beganAtMs = performance.now();
    void call.run().then(() => this.#settle(number, (performance.now() - beganAtMs) * 1_000));
  }

  #settle(number: number, tookUs: number): void {
    const { writer, layer } = this.#options;
    this.#calls.delete(number);
    if (this.#calls.size === 0 && layer.isDirty()) {
      layer.leave();
      this.#isAway = true;
      this.#awaitsReset = true;
      writer.send(toDaemon.dirty, 0);
    }
    writer.send(toDaemon.settled, number, encodeSettled(tookUs));
    // The next one may never let go of this thread, or end the process.
    writer.flush();
    this.#next();
    if (this.#retiring) this.#endWhenIdle();
  }

  #wait(number: number, invoke: Invoke): void {
    this.#ahead.set(number, invoke);
    this.#next();
  }

  /** Begins the next one that was sent ahead, unless one runs. */
  #next(): void {
    const { takeTicket, writer } = this.#options;
    while (this.#calls.size === 0 && !this.#awaitsReset && this.#site !== null) {
      const next = this.#ahead.shift();
      if (next === undefined) return;
      const [number, invoke] = next;
      // tsfnd has taken it back, and those behind it; the news of that is on its way.
      if (!takeTicket()) continue;
      if (!this.#cancelled.delete(number)) this.#begin(this.#site, number, invoke);
      else {
        writer.send(toDaemon.failed, number, encode(cancelledEarly));
        writer.send(toDaemon.settled, number, encodeSettled(0));
      }
    }
  }

  #forget(): void {
    this.#ahead.clear();
    this.#cancelled.clear();
    this.#options.writer.send(toDaemon.revoked, 0);
  }

  #reset(): void {
    const { writer, layer } = this.#options;
    this.#enter();
    layer.renew();
    this.#awaitsReset = false;
    writer.send(toDaemon.resetDone, 0);
    this.#next();
  }

  #enter(): void {
    this.#options.layer.enter();
    this.#isAway = false;
  }

  #retire(): void {
    this.#retiring = true;
    this.#endWhenIdle();
  }

  #endWhenIdle(): void {
    if (this.#calls.size === 0 && this.#ahead.size === 0) this.#options.writer.whenFlushed(this.#options.onEnd);
  }
}

/** As of a function that heeds its signal. */
const cancelledEarly = { kind: "threw", name: "AbortError", message: "cancelled before it began", stack: "" } as const;

function pass(call: Call, kind: number, payload: Buffer): void {
  if (kind === toGuest.body) call.receive(payload);
  else if (kind === toGuest.bodyEnd) call.receiveEnd();
  else if (kind === toGuest.credit) call.grant(decodeCredit(payload).bytes);
  else if (kind === toGuest.cancel) call.cancel(decodeCancel(payload).reason);
}
