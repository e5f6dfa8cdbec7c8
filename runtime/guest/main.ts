// The program inside a sandbox that is started by exec. Descriptor 3 is the stream to tsfnd; init brings the function,
// which loader.ts imports. zygote.ts is the other way to start; session.ts is what both do from then on.

import { encode, FrameWriter, type Init, toDaemon } from "../wire/index.ts";
import { startBootstrap } from "./bootstrap.ts";
import { failureOf } from "./failure.ts";
import type { Handler } from "./handlers/index.ts";
import { noLayer, plainMarks, watchLayer } from "./layer-watch.ts";
import { installLightRequest } from "./light-request.ts";
import { installLightResponse } from "./light-response.ts";
import { loadHandler } from "./loader.ts";
import { whileLoading } from "./loading.ts";
import { describeMachine } from "./machine.ts";
import { captureOutput, Printer } from "./output.ts";
import { installSecrets } from "./secrets.ts";
import { Session } from "./session.ts";
import { ticketsFd, ticketsOf } from "./tickets.ts";
import { openWire } from "./wire.ts";

const exit = process.exit.bind(process);
const wire = openWire(3);
const writer = new FrameWriter(wire);
const outside = new Printer(writer, 0);
// Outside of a sandbox, as in tests, the root is not this process's to watch.
const layer = process.pid === 1 ? watchLayer(process.cwd(), plainMarks()) : noLayer;
const session = new Session({
  writer,
  layer,
  takeTicket: ticketsOf(ticketsFd),
  onInit: (init) => void start(init),
  onAdopt: () => exit(1), // It is nobody's clone.
  onEnd: () => exit(0),
});

session.listen(wire);
process.on("exit", () => {
  session.endOutput();
  outside.end();
  writer.flush();
});

async function start(init: Init): Promise<void> {
  describeMachine(init);
  captureOutput(outside);
  installLightRequest();
  installLightResponse();
  process.setSourceMapsEnabled(true);
  const startedAtMs = performance.now();
  try {
    const env = installSecrets(init, layer);
    const handler = await load(init, env);
    session.serve({ writer, handler, env });
    const loadMs = performance.now() - startedAtMs;
    writer.send(toDaemon.ready, 0, encode({ handler: handler.shape, loadMs, unforkable: [] }));
  } catch (thrown) {
    tell(thrown);
    writer.whenFlushed(() => exit(1));
  }
}

function tell(thrown: unknown): void {
  writer.send(toDaemon.loadFailed, 0, encode(failureOf(thrown)));
  writer.flush();
}

async function load(init: Init, env: Init["env"]): Promise<Handler> {
  if (init.runtime !== "provided") {
    // Not what a module can wait for.
    wire.unref();
    const handler = await whileLoading(() => loadHandler(init), { init, tell });
    wire.ref();
    return handler;
  }
  // A swap of the root would leave the program in the old one, with files open.
  layer.keep();
  return await startBootstrap({
    init,
    env,
    onEnd(exitCode, words) {
      outside.print("stderr", "error", `${words}\n`);
      exit(exitCode);
    },
  });
}
