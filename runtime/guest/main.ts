// The program inside a sandbox. Descriptor 3 is the stream to tsfnd: init comes first and brings the function, which
// loader.ts imports; then every Invoke frame becomes a Call (call.ts) until tsfnd says retire or goes away.

import { Socket } from "node:net";
import {
  decodeCancel,
  decodeCredit,
  decodeInit,
  decodeInvoke,
  encode,
  type Frame,
  FrameDecoder,
  FrameWriter,
  type Init,
  type Invoke,
  toDaemon,
  toGuest,
} from "../wire/index.ts";
import { Call, type CallSite } from "./call.ts";
import { failureOf } from "./failure.ts";
import { loadHandler } from "./loader.ts";
import { describeMachine } from "./machine.ts";
import { captureOutput, Printer } from "./output.ts";

const exit = process.exit.bind(process);
const wire = new Socket({ fd: 3, readable: true, writable: true });
const writer = new FrameWriter(wire);
const outside = new Printer(writer, 0);
const decoder = new FrameDecoder();
const calls = new Map<number, Call>();
let site: CallSite | null = null;
let retiring = false;

wire.on("data", (chunk: Buffer) => decoder.push(chunk, receive));
// tsfnd is gone or has closed the stream: there is nobody to work for. The error of a broken stream comes with it.
wire.on("error", () => exit(0));
wire.on("close", () => exit(0));
process.on("exit", () => {
  for (const call of calls.values()) call.endOutput();
  outside.end();
  writer.flush();
});

function receive(frame: Frame): void {
  const { kind, invocation, payload } = frame;
  if (kind === toGuest.init) void start(decodeInit(payload));
  else if (kind === toGuest.invoke) begin(invocation, decodeInvoke(payload));
  else if (kind === toGuest.retire) retire();
  else {
    // What is already settled here may still get frames that were on their way.
    const call = calls.get(invocation);
    if (call !== undefined) pass(call, kind, payload);
  }
}

function pass(call: Call, kind: number, payload: Buffer): void {
  if (kind === toGuest.body) call.receive(payload);
  else if (kind === toGuest.bodyEnd) call.receiveEnd();
  else if (kind === toGuest.credit) call.grant(decodeCredit(payload).bytes);
  else if (kind === toGuest.cancel) call.cancel(decodeCancel(payload).reason);
}

async function start(init: Init): Promise<void> {
  describeMachine(init);
  captureOutput(outside);
  process.setSourceMapsEnabled(true);
  const startedAtMs = performance.now();
  try {
    const handler = await loadHandler(init.entry);
    site = { writer, handler, env: init.env };
    writer.send(toDaemon.ready, 0, encode({ handler: "fetch", loadMs: performance.now() - startedAtMs }));
  } catch (thrown) {
    writer.send(toDaemon.loadFailed, 0, encode(failureOf(thrown)));
    writer.whenFlushed(() => exit(1));
  }
}

function begin(number: number, invoke: Invoke): void {
  if (site === null) throw new Error("an invocation came before the function was loaded");
  const call = new Call(site, number, invoke);
  calls.set(number, call);
  void call.run().then(() => {
    calls.delete(number);
    if (retiring) exitWhenIdle();
  });
}

function retire(): void {
  retiring = true;
  exitWhenIdle();
}

function exitWhenIdle(): void {
  if (calls.size === 0) writer.whenFlushed(() => exit(0));
}
