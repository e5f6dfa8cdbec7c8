// What a clone does, in two parts: what can be made before the fork, and what begins with tsfnd's first word. A zygote also rehearses it
// (rehearsal.ts), so that a clone runs nothing that V8 has not compiled and laid out by then.

import type { Socket } from "node:net";
import { encode, type FrameWriter, type Init, instanceIdVariable, toDaemon } from "../wire/index.ts";
import { failureOf } from "./failure.ts";
import { runForkHooks } from "./fork-hooks.ts";
import type { Handler } from "./handlers/index.ts";
import type { LayerWatch } from "./layer-watch.ts";
import { loadHandler } from "./loader.ts";
import { whileLoading } from "./loading.ts";
import { describeMachine } from "./machine.ts";
import { installSecrets } from "./secrets.ts";
import { Session } from "./session.ts";
import type { TakeTicket } from "./tickets.ts";
import { openWire } from "./wire.ts";

const { performance } = globalThis;

export interface CloneParts {
  /** Where the clone's own stream to tsfnd will be. */
  readonly fd: number;
  readonly writer: FrameWriter;
  readonly layer: LayerWatch;
  readonly takeTicket: TakeTicket;
  /** Of the function, but for the id of its instance. */
  readonly env: Init["env"];
  /** The function; null: it is loaded once the clone's own init has come. */
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
  const { fd, writer, layer, takeTicket, handler, exit } = parts;
  const wire = openWire(fd);
  writer.redirect(wire);
  // tsfnd knows with which of both words a clone begins.
  const refuse = () => exit(1);
  const first = handler === null ? { onInit: load, onAdopt: refuse } : { onInit: refuse, onAdopt: adopter(handler) };
  const session = new Session({ writer, layer, takeTicket, ...first, onEnd: () => exit(0) });
  session.listen(wire);
  return { wire, session };

  /** Prepares all but the id. */
  function adopter(loaded: Handler): (id: string) => void {
    const env: Record<string, string> = { ...parts.env, [instanceIdVariable]: "" };
    // Without a wait where there is nothing to wait for: the first invocation may have come along.
    return (id) => {
      env[instanceIdVariable] = id;
      process.env[instanceIdVariable] = id;
      const hooks = runForkHooks();
      if (hooks === null) ready(loaded, env, 0);
      else hooks.then(() => ready(loaded, env, 0)).catch(fail);
    };
  }

  function load(init: Init): void {
    describeMachine(init);
    const startedAtMs = performance.now();
    const loadAll = async () => {
      const env = installSecrets(init, layer);
      // Not what a module can wait for.
      wire.unref();
      const loaded = await whileLoading(() => loadHandler(init), { init, tell });
      wire.ref();
      ready(loaded, env, performance.now() - startedAtMs);
    };
    loadAll().catch(fail);
  }

  function ready(loaded: Handler, env: Init["env"], loadMs: number): void {
    // First, because what came early is looked at then, and may be answered at once.
    writer.send(toDaemon.ready, 0, encode({ handler: loaded.shape, loadMs, unforkable: [] }));
    session.serve({ writer, handler: loaded, env });
  }

  function fail(thrown: unknown): void {
    tell(thrown);
    writer.whenFlushed(() => exit(1));
  }

  function tell(thrown: unknown): void {
    writer.send(toDaemon.loadFailed, 0, encode(failureOf(thrown)));
    writer.flush();
  }
}
