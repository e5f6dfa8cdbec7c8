// The zygotes of the server, one per version, or one per runtime and heap size for those whose code is loaded after the fork:
// started when a fork is wanted, replaced when they have grown old, and let go of, the least recently used first, when they
// hold more memory than they may. No caller notices any of it. forker.ts forks them.

import { randomBytes } from "node:crypto";
import { LRUCache } from "lru-cache";
import { type FunctionVersion, nodeOf } from "../catalog/index.ts";
import { asTsfnError } from "../errors.ts";
import {
  type BlankZygote,
  type ForkOrder,
  startBlankZygote,
  startZygote,
  type ZygoteKind,
  type ZygoteProcess,
  type ZygoteRole,
} from "../instance/index.ts";
import type { BaseLayers } from "../layers/index.ts";
import type { SandboxFactory } from "../sandbox/index.ts";
import { endSpan, now } from "../trace.ts";
import { Spares } from "./spares.ts";
import { Clones, Zygote } from "./zygote.ts";

export interface ZygotesOptions {
  readonly sandboxes: SandboxFactory;
  readonly baseLayers: BaseLayers;
  /** How many are kept ready for versions that have none yet. */
  readonly ready: number;
  /** What zygotes may hold in all; the one used last stays, however large it is. */
  readonly memoryBytes: number;
  /** Forks and age after which one is replaced, so that one memory layout is not eternal. */
  readonly maxForks: number;
  readonly maxAgeMs: number;
  /** Replacing or retiring one failed. */
  readonly fault: (thrown: unknown) => void;
}

/** What one that has loaded nothing holds. */
const spareBytes = 40 * 2 ** 20;

export class Zygotes {
  readonly #options: ZygotesOptions;
  readonly #kept: LRUCache<string, Zygote>;
  readonly #starting = new Map<string, Promise<Zygote>>();
  /** Those whose sandbox is not destroyed yet. */
  readonly #leaving = new Set<Promise<void>>();
  readonly #spares: Spares;
  #isClosed = false;

  constructor(options: ZygotesOptions) {
    this.#options = options;
    this.#kept = new LRUCache({ maxSize: options.memoryBytes, dispose: (zygote) => this.#retire(zygote) });
    this.#spares = new Spares({
      size: options.ready,
      start: (kind) => this.#startBlank(kind),
      hasRoomFor: (count) => this.#kept.calculatedSize + count * spareBytes <= options.memoryBytes,
      fault: options.fault,
    });
  }

  /** The one to fork now; or one that cannot be, which says why. @throws TsfnError of its start */
  async get(role: ZygoteRole, order: ForkOrder): Promise<Zygote> {
    const key = keyOf(role, order.version);
    const kept = this.#kept.get(key);
    if (kept === undefined || kept.isOver) return this.#started(key, role, order);
    const { maxForks, maxAgeMs } = this.#options;
    // The old one serves until there is a new one.
    if (kept.forks >= maxForks || now() - kept.startedAtMs > maxAgeMs) {
      this.#started(key, role, order).catch(this.#options.fault);
    }
    return kept;
  }

  /** It is of no use: it died, does not answer, or cannot be forked. */
  discard(zygote: Zygote): void {
    if (this.#kept.peek(zygote.key) === zygote) this.#kept.delete(zygote.key);
    else this.#retire(zygote);
  }

  /** Lets go of the zygote of a version; a fork that still wants one starts another. */
  drop(role: ZygoteRole, version: FunctionVersion): void {
    const key = keyOf(role, version);
    this.#starting.delete(key);
    this.#kept.delete(key);
  }

  /** Resolves when all of them and their clones are gone. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#starting.values());
    this.#kept.clear();
    await Promise.all([this.#spares.close(), ...this.#leaving]);
  }

  /** Who wants the same one at the same time gets the same one. */
  #started(key: string, role: ZygoteRole, order: ForkOrder): Promise<Zygote> {
    const starting = this.#starting.get(key);
    if (starting !== undefined) return starting;
    const start = this.#start(key, role, order).then(async (zygote) => {
      const { memoryBytes } = this.#options;
      const size = Math.min(memoryBytes, Math.max(1, (await zygote.sandbox.usage()).memoryBytes));
      // Dropped meanwhile: good for whoever waits for it, and for nobody after.
      if (this.#isClosed || this.#starting.get(key) !== start) this.#retire(zygote);
      else this.#keep(zygote, size);
      return zygote;
    });
    this.#starting.set(key, start);
    const forget = () => {
      if (this.#starting.get(key) === start) this.#starting.delete(key);
      if (this.#starting.size === 0) this.#spares.refillSoon();
    };
    start.then(forget, forget);
    return start;
  }

  async #start(key: string, role: ZygoteRole, order: ForkOrder): Promise<Zygote> {
    const startedAtMs = now();
    const kind = kindFor(order.version);
    const clones = new Clones();
    const layers = role === "function" ? order.layers : await this.#options.baseLayers.of(kind.node);
    const become = (blank: BlankZygote) => startZygote({ ...order, role, layers, blank, cloneless: clones.none });
    const spare = await this.#spares.take(kind);
    const process = (spare && (await this.#tried(become(spare)))) ?? (await become(await this.#startBlank(kind)));
    endSpan("zygote", process.sandbox.id, startedAtMs);
    return new Zygote(key, role, process, clones);
  }

  /** null when the spare one was of no use: it may have died unnoticed, or just now. @throws TsfnError of the version's code */
  async #tried(start: Promise<ZygoteProcess>): Promise<ZygoteProcess | null> {
    try {
      return await start;
    } catch (thrown) {
      const { code } = asTsfnError(thrown);
      if (code !== "SANDBOX_FAILED" && code !== "STARTUP_FAILED") throw thrown;
      this.#options.fault(thrown);
      return null;
    }
  }

  async #startBlank(kind: ZygoteKind): Promise<BlankZygote> {
    const { sandboxes } = this.#options;
    const baseLayers = await this.#options.baseLayers.of(kind.node);
    const id = `zygote-${randomBytes(6).toString("hex")}`;
    return startBlankZygote({ id, kind, baseLayers, sandboxes });
  }

  #keep(zygote: Zygote, size: number): void {
    this.#kept.set(zygote.key, zygote, { size });
    this.#spares.shrink();
    void zygote.ended.then(() => {
      if (this.#kept.peek(zygote.key) === zygote) this.#kept.delete(zygote.key);
    });
  }

  #retire(zygote: Zygote): void {
    const leaving: Promise<void> = zygote
      .retire()
      .catch(this.#options.fault)
      .finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }
}

function kindFor({ manifest: { runtime, limits } }: FunctionVersion): ZygoteKind {
  return { node: nodeOf(runtime), memoryBytes: limits.memoryBytes };
}

/** V8's heap has a size from the start, so clones of one runtime zygote share their limit. */
function keyOf(role: ZygoteRole, version: FunctionVersion): string {
  if (role === "function") return `${version.function}@${version.number}`;
  return `${version.manifest.runtime} ${version.manifest.limits.memoryBytes}`;
}
