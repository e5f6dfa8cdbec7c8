// The program of a zygote: `zygote.mjs function` loads the function that init names, `zygote.mjs runtime` none. Then it
// sits in one blocking call (native/zygote.c) that returns only in its clones, which serve as main.ts's process does.
// Until then nothing may be left on the event loop, so descriptor 3 is read and written without it.

import { Socket } from "node:net";
import { decodeInit, encode, FrameWriter, type Init, toDaemon, toGuest } from "../wire/index.ts";
import { DescriptorSink, readFrame } from "./descriptor-sink.ts";
import { failureOf } from "./failure.ts";
import { offerForkHooks, runForkHooks } from "./fork-hooks.ts";
import type { Handler } from "./handlers/index.ts";
import { type LayerWatch, watchLayer } from "./layer-watch.ts";
import { watchLeftovers } from "./leftovers.ts";
import { loadHandler } from "./loader.ts";
import { describeEnvironment, describeMachine } from "./machine.ts";
import { loadNative } from "./native.ts";
import { captureOutput, Printer } from "./output.ts";
import { makeForkable } from "./reseed.ts";
import { Session } from "./session.ts";
import { warmUp } from "./warm-up.ts";

const wireFd = 3;
const controlFd = 4;

const exit = process.exit.bind(process);
const writer = new FrameWriter(new DescriptorSink(wireFd));
const outside = new Printer(writer, 0);
const { setImmediate, performance } = globalThis;

await main().catch((thrown: unknown) => {
  writer.send(toDaemon.loadFailed, 0, encode(failureOf(thrown)));
  writer.whenFlushed(() => exit(1));
});

async function main(): Promise<void> {
  const loadsFunction = process.argv.pop() === "function";
  const init = readInit();
  const native = loadNative();
  native.prepare();
  process.setSourceMapsEnabled(true);
  const becomeClone = makeForkable();
  await warmUp(native.socketpair());
  captureOutput(outside);
  describeMachine(init);
  offerForkHooks();
  const layer = watchLayer();
  layer.renew();
  const leftovers = watchLeftovers(native.isBusy);
  const startedAtMs = performance.now();
  const handler = loadsFunction ? await loadHandler(init) : null;
  const loadMs = performance.now() - startedAtMs;
  const unforkable = [...(await leftovers()), ...(layer.isDirty() ? ["files it wrote"] : [])];
  outside.end();
  writer.send(toDaemon.ready, 0, encode({ handler: handler?.shape ?? "fetch", loadMs, unforkable }));
  writer.flush();
  // From a callback of its own, so that nothing of this one is pending in a clone.
  setImmediate(() => {
    const result = native.zygoteWait(controlFd);
    if (result < 0) exit(0);
    becomeClone();
    serve(layer, handler);
  });
}

function readInit(): Init {
  const { kind, payload } = readFrame(wireFd);
  if (kind !== toGuest.init) throw new Error(`a frame of kind ${kind} came; wanted init`);
  return decodeInit(payload);
}

/** In a clone: descriptor 3 is its own stream now. */
function serve(layer: LayerWatch, loaded: Handler | null): void {
  const wire = new Socket({ fd: wireFd, readable: true, writable: true });
  writer.redirect(wire);
  layer.enter();
  const session = new Session({
    writer,
    layer,
    onInit: (init) => begin(session, init, loaded),
    onEnd: () => exit(0),
  });
  process.on("exit", () => {
    session.endOutput();
    outside.end();
    writer.flush();
  });
  session.listen(wire);
}

/** Without a wait in between where there is nothing to wait for: the first invocation may have come along with init. */
function begin(session: Session, init: Init, loaded: Handler | null): void {
  const hooks = loaded === null ? null : runForkHooks();
  if (loaded === null) describeMachine(init);
  else describeEnvironment(init);
  const startedAtMs = performance.now();
  const ready = (handler: Handler) => {
    session.serve({ writer, handler, env: init.env });
    const loadMs = performance.now() - startedAtMs;
    writer.send(toDaemon.ready, 0, encode({ handler: handler.shape, loadMs, unforkable: [] }));
  };
  if (loaded !== null && hooks === null) {
    ready(loaded);
    return;
  }
  const loading = loaded === null ? loadHandler(init) : hooks?.then(() => loaded);
  loading?.then(ready).catch((thrown: unknown) => {
    writer.send(toDaemon.loadFailed, 0, encode(failureOf(thrown)));
    writer.whenFlushed(() => exit(1));
  });
}
