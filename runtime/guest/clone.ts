// What a clone does, in two parts: what can be made before the fork, and what begins with init. A zygote also rehearses it
// (rehearsal.ts), so that a clone runs nothing that V8 has not compiled and laid out by then.

import { Socket } from "node:net";
import { encode, type FrameWriter, type Init, toDaemon } from "../wire/index.ts";
import { failureOf } from "./failure.ts";
import { runForkHooks } from "./fork-hooks.ts";
import type { Handler } from "./handlers/index.ts";
import type { LayerWatch } from "./layer-watch.ts";
import { loadHandler } from "./loader.ts";
import { describeEnvironment, describeMachine } from "./machine.ts";
import { Session } from "./session.ts";

const { performance } = globalThis;

export interface CloneParts {
  /** Where the clone's own stream to tsfnd will be. */
  readonly fd: number;
  readonly writer: FrameWriter;
  readonly layer: LayerWatch;
  /** null: the function is loaded once init has come. */
  readonly handler: Handler | null;
  readonly exit: (code: number) => void;
}

export interface StandBy {
  readonly wire: Socket;
  readonly session: Session;
}

/**
 * In the zygote, last: a stream that reads `fd` and a session on it. A fork copies both, and with the loop's renewal they
 * watch what the descriptor has become. Nothing may be written to `writer` any more but by a clone.
 */
export function standBy(parts: CloneParts): StandBy {
  const { fd, writer, layer, exit } = parts;
  const wire = new Socket({ fd, readable: true, writable: true });
  writer.redirect(wire);
  const session = new Session({
    writer,
    layer,
    onInit: (init) => begin(parts, session, init),
    onEnd: () => exit(0),
  });
  session.listen(wire);
  return { wire, session };
}

/** Without a wait in between where there is nothing to wait for: the first invocation may have come along with init. */
function begin({ writer, handler: loaded, exit }: CloneParts, session: Session, init: Init): void {
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
