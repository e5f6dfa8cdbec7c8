// The program of a zygote: it rehearses, waits for init, which may come much later, and loads the function that init names, if
// it names one. Then it sits in one blocking call (native/zygote.c) that returns only in its clones, which serve as main.ts's
// process does. Until then descriptor 3 is read and written without the event loop, on which loading may leave nothing.

import { decodeInit, encode, FrameWriter, type Init, toDaemon, toGuest } from "../wire/index.ts";
import { standBy } from "./clone.ts";
import { importCompiled } from "./compile-ahead.ts";
import { DescriptorSink, readFrame } from "./descriptor-sink.ts";
import { failureOf } from "./failure.ts";
import { offerForkHooks } from "./fork-hooks.ts";
import { ownDirectories, watchLayer } from "./layer-watch.ts";
import { watchLeftovers } from "./leftovers.ts";
import { installLightRequest } from "./light-request.ts";
import { installLightResponse } from "./light-response.ts";
import { loadHandler } from "./loader.ts";
import { whileLoading } from "./loading.ts";
import { describeMachine } from "./machine.ts";
import { loadNative } from "./native.ts";
import { captureOutput, Printer } from "./output.ts";
import { rehearse } from "./rehearsal.ts";
import { makeForkable } from "./reseed.ts";
import { ticketsFd } from "./tickets.ts";
import { makeScavenger } from "./young-generation.ts";

const wireFd = 3;
const controlFd = 4;
/** It is started in the root, which moves along with it when another one comes under it. */
const home = "/app";

const exit = process.exit.bind(process);
const sink = new DescriptorSink(wireFd);
const writer = new FrameWriter(sink);
const outside = new Printer(writer, 0);
const { setImmediate, performance } = globalThis;

await main().catch((thrown: unknown) => {
  tell(thrown);
  writer.whenFlushed(() => exit(1));
});

function tell(thrown: unknown): void {
  outside.end();
  writer.send(toDaemon.loadFailed, 0, encode(failureOf(thrown)));
  writer.flush();
}

async function main(): Promise<void> {
  const native = loadNative();
  native.prepare();
  process.setSourceMapsEnabled(true);
  const becomeClone = makeForkable();
  const scavenge = makeScavenger();
  captureOutput(outside);
  installLightRequest();
  installLightResponse();
  const layer = watchLayer(home, native.layerMarks(ownDirectories));
  const takeTicket = () => native.takeByte(ticketsFd);
  await rehearse({ socketpair: native.socketpair, sink, layer, takeTicket, becomeClone });
  // By the time it is told which, it has the root of its version.
  const init = readInit();
  layer.enter();
  describeMachine(init);
  offerForkHooks();
  layer.renew();
  const leftovers = watchLeftovers(native.isBusy);
  const startedAtMs = performance.now();
  const load = async () => {
    const handler = init.entry === "" ? null : await loadHandler(init, importCompiled);
    const loadMs = performance.now() - startedAtMs;
    return { handler, loadMs, unforkable: [...(await leftovers()), ...(layer.isDirty() ? ["files it wrote"] : [])] };
  };
  const { handler, loadMs, unforkable } = await whileLoading(load, { init, tell });
  outside.end();
  writer.send(toDaemon.ready, 0, encode({ handler: handler?.shape ?? "fetch", loadMs, unforkable }));
  writer.flush();
  const { session } = standBy({ fd: wireFd, writer, layer, takeTicket, env: init.env, handler, exit });
  const finish = () => {
    session.endOutput();
    outside.end();
    writer.flush();
  };
  // There is nothing to end yet, but no clone has to compile it any more.
  finish();
  process.on("exit", finish);
  // From a callback of its own, so that nothing of this one is pending in a clone.
  setImmediate(() => {
    // Else many a clone would do it in its first invocation, and copy twice as many pages.
    scavenge();
    if (native.zygoteWait(controlFd) < 0) exit(0);
    becomeClone();
  });
}

function readInit(): Init {
  const { kind, payload } = readFrame(wireFd);
  if (kind !== toGuest.init) throw new Error(`a frame of kind ${kind} came; wanted init`);
  return decodeInit(payload);
}
