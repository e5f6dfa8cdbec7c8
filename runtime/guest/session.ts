// The guest's end of one stream to tsfnd: init comes first, then every Invoke frame becomes a Call (call.ts) until tsfnd
// says retire or goes away. Who loads the function, and when, is main.ts's and zygote.ts's.

import type { Socket } from "node:net";
import {
  decodeAdopt,
  decodeCancel,
  decodeCredit,
  decodeInit,
  decodeInvoke,
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

export interface SessionOptions {
  readonly writer: FrameWriter;
  readonly layer: LayerWatch;
  readonly onInit: (init: Init) => void;
  readonly onAdopt: (id: string) => void;
  /** tsfnd is gone or wants no more of this process, and nothing is in flight. */
  readonly onEnd: () => void;
}

export class Session {
  readonly #options: SessionOptions;
  readonly #decoder = new FrameDecoder();
  readonly #calls = new Map<number, Call>();
  /** What came before the function was loaded. */
  readonly #early: Frame[] = [];
  #site: CallSite | null = null;
  #retiring = false;

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
    else if (this.#site === null) this.#early.push(frame);
    else if (kind === toGuest.invoke) this.#begin(this.#site, invocation, decodeInvoke(payload));
    else if (kind === toGuest.retire) this.#retire();
    else if (kind === toGuest.reset) this.#reset();
    else {
      // What is already settled here may still get frames that were on their way.
      const call = this.#calls.get(invocation);
      if (call !== undefined) pass(call, kind, payload);
    }
  }

  #begin(site: CallSite, number: number, invoke: Invoke): void {
    const call = new Call(site, number, invoke);
    this.#calls.set(number, call);
    void call.run().then(() => this.#settle(number));
  }

  #settle(number: number): void {
    const { writer, layer } = this.#options;
    this.#calls.delete(number);
    if (this.#calls.size === 0 && layer.isDirty()) writer.send(toDaemon.dirty, 0);
    writer.send(toDaemon.settled, number);
    if (this.#retiring) this.#endWhenIdle();
  }

  #reset(): void {
    const { writer, layer } = this.#options;
    layer.enter();
    layer.renew();
    writer.send(toDaemon.resetDone, 0);
  }

  #retire(): void {
    this.#retiring = true;
    this.#endWhenIdle();
  }

  #endWhenIdle(): void {
    if (this.#calls.size === 0) this.#options.writer.whenFlushed(this.#options.onEnd);
  }
}

function pass(call: Call, kind: number, payload: Buffer): void {
  if (kind === toGuest.body) call.receive(payload);
  else if (kind === toGuest.bodyEnd) call.receiveEnd();
  else if (kind === toGuest.credit) call.grant(decodeCredit(payload).bytes);
  else if (kind === toGuest.cancel) call.cancel(decodeCancel(payload).reason);
}
