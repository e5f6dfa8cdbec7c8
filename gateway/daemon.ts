// The life of tsfnd after its start: opens the runtime and both listeners, drains when it is told to stop, and ends at
// once when the warden is gone. tsfnd.ts is the process around it.

import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "pino";
import type { Settings } from "../runtime/config.ts";
import { type ErrorCode, TsfnError } from "../runtime/errors.ts";
import { now, openRuntime, type Runtime, type RuntimeObserver } from "../runtime/index.ts";
import { connectionsFor, openFilesLimit } from "../runtime/pool/index.ts";
import type { SandboxFactory } from "../runtime/sandbox/index.ts";
import { openAdminListener } from "./admin-listener.ts";
import { openAdminSocket } from "./admin-socket.ts";
import { Exchanges } from "./exchanges.ts";
import { defaultLimits, type ListenerLimits } from "./listener-limits.ts";
import { createMetrics } from "./metrics.ts";
import { type Listener, openPublicListener } from "./server.ts";
import { type CallTracing, openTracing } from "./tracing.ts";

export interface DaemonParts {
  readonly settings: Settings;
  readonly sandboxes: SandboxFactory;
  readonly version: string;
  readonly wardenPid: number;
  readonly log: Logger;
  /** Where a collector of spans may be named (tracing.ts). */
  readonly env: NodeJS.ProcessEnv;
}

export interface Daemon {
  /** Of the public listener. */
  readonly url: string;
  /** The exit status, when everything is closed. Never rejects. */
  readonly ended: Promise<number>;
  /** Drains and ends with 0: what is in flight is answered, but not for longer than the grace time. Twice: at once. */
  stop(): void;
  /** Without the warden no instance can be started or trusted to end: answers everyone 503 and ends with 1. */
  wardenLost(): void;
}

/** How long callers that are turned away at the end may take to receive that answer. */
const farewellMs = 500;
/** A request that was sent before its caller could know has arrived by then. */
const arrivalMs = 50;

/** @throws TsfnError; then nothing is left open. */
export async function startDaemon(parts: DaemonParts): Promise<Daemon> {
  const { settings, log, version } = parts;
  const startedAtMs = now();
  const exchanges = new Exchanges();
  const metrics = createMetrics(version);
  const tracing = await openTracing(parts.env, version, (message) => log.warn({ message }, "spans could not be sent"));
  const closing = new AbortController();
  const runtime = await openRuntime({
    settings,
    sandboxes: parts.sandboxes,
    observer: logged(metrics.observer, log),
  });
  const listeners: Listener[] = [];
  const ending = new Ending({ runtime, tracing, exchanges, listeners, closing, log, graceMs: settings.graceMs });
  try {
    const shared = { runtime, exchanges, calls: metrics, metrics, tracing, log };
    const { callers, operators } = connectionsFor(await openFilesLimit());
    const front = await openPublicListener(settings.listen, shared, limitsFor(callers));
    listeners.push(front);
    const { url } = front;
    const tcp: { url: string | null } = { url: null };
    const info = () => ({
      version,
      pid: process.pid,
      wardenPid: parts.wardenPid,
      url,
      adminUrl: tcp.url,
      dataDir: settings.dataDir,
      uptimeS: Math.round((now() - startedAtMs) / 1_000),
    });
    const admin = { ...shared, url, info, closing: closing.signal, shutdown: () => ending.drain() };
    listeners.push(await openAdminSocket(settings.adminSocket, admin, limitsFor(operators)));
    if (settings.adminListen !== null && settings.adminTokenSha256 !== null) {
      const remote = await openAdminListener(
        settings.adminListen,
        settings.adminTokenSha256,
        admin,
        limitsFor(operators),
      );
      listeners.push(remote);
      tcp.url = remote.url;
    }
    log.info(
      { url, admin: settings.adminSocket, adminUrl: tcp.url, startMs: Math.round(now() - startedAtMs) },
      "listening",
    );
    return { url, ended: ending.ended, stop: () => ending.drain(), wardenLost: () => ending.abandon() };
  } catch (thrown) {
    await Promise.all(listeners.map((listener) => listener.close()));
    await runtime.close();
    throw thrown;
  }
}

function limitsFor(connections: number): ListenerLimits {
  return { ...defaultLimits, maxConnections: Math.min(defaultLimits.maxConnections, connections) };
}

interface EndingParts {
  readonly tracing: CallTracing | null;
  readonly runtime: Runtime;
  readonly exchanges: Exchanges;
  /** The public one first. */
  readonly listeners: readonly Listener[];
  readonly closing: AbortController;
  readonly log: Logger;
  readonly graceMs: number;
}

/** The ways a daemon ends; the first one decides the exit status. */
class Ending {
  readonly #parts: EndingParts;
  readonly #ended = Promise.withResolvers<number>();
  readonly #hurry = new AbortController();
  #begun = false;

  constructor(parts: EndingParts) {
    this.#parts = parts;
  }

  get ended(): Promise<number> {
    return this.#ended.promise;
  }

  drain(): void {
    const { graceMs } = this.#parts;
    this.#begin(() => this.#end("SHUTTING_DOWN", "The server is shutting down", graceMs, 0));
  }

  abandon(): void {
    this.#begin(() => this.#end("WARDEN_LOST", "The warden ended with all instances", 0, 1));
  }

  #begin(end: () => Promise<void>): void {
    if (this.#begun) this.#hurry.abort();
    else void end();
    this.#begun = true;
  }

  async #end(code: ErrorCode, message: string, graceMs: number, status: number): Promise<void> {
    const { runtime, tracing, exchanges, listeners, closing, log } = this.#parts;
    log.info({ code, inFlight: exchanges.size, graceMs }, "ending");
    exchanges.refuse(new TsfnError(code, message));
    listeners[0]?.stopAccepting();
    try {
      await this.#within(graceMs, Promise.all([exchanges.idle(), runtime.drain(graceMs)]));
      if (exchanges.size > 0) {
        log.warn({ inFlight: exchanges.size }, "ending without answers");
        exchanges.abortAll(new TsfnError(code, `${message}, and this call was not over in time`));
        await this.#within(farewellMs, exchanges.idle());
      }
      // What was on its way over an open connection is read and refused, rather than cut off.
      await pause(arrivalMs);
      await this.#within(farewellMs, exchanges.idle());
      closing.abort();
      await Promise.all([...listeners.map((listener) => listener.close()), runtime.close()]);
      await this.#within(farewellMs, tracing?.close() ?? Promise.resolve());
      log.info("ended");
      this.#ended.resolve(status);
    } catch (thrown) {
      log.error({ err: thrown }, "the end failed");
      this.#ended.resolve(1);
    }
  }

  async #within(limitMs: number, work: Promise<unknown>): Promise<void> {
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, limitMs);
    this.#hurry.signal.addEventListener("abort", () => resolve(), { once: true });
    if (this.#hurry.signal.aborted) resolve();
    await Promise.race([work, over]);
    clearTimeout(timer);
  }
}

/** What an operator must hear of, besides the counting. */
function logged(observer: RuntimeObserver, log: Logger): RuntimeObserver {
  return {
    ...observer,
    instanceFailed: (event) => {
      log.warn(event, "an instance did not start");
      observer.instanceFailed?.(event);
    },
    layerHidden: (event) => {
      log.warn(event, "an instance hid that it wrote to its layer, and is replaced");
      observer.layerHidden?.(event);
    },
    fault: (error) => log.error({ err: error }, "fault"),
  };
}
