// The zygotes of the server, one per version, or one per runtime and heap size for those whose code is loaded after the fork:
// started when a fork is wanted, replaced when they have grown old, and let go of, the least recently used first, when they
// hold more memory than they may. No caller notices any of it. forker.ts forks them.

import { randomBytes } from "node:crypto";
import { LRUCache } from "lru-cache";
import type { FunctionVersion } from "../catalog/index.ts";
import { type ForkOrder, startZygote, type ZygoteRole } from "../instance/index.ts";
import type { SandboxFactory } from "../sandbox/index.ts";
import { endSpan, now } from "../trace.ts";
import { Clones, Zygote } from "./zygote.ts";

export interface ZygotesOptions {
  readonly sandboxes: SandboxFactory;
  /** What zygotes may hold in all; the one used last stays, however large it is. */
  readonly memoryBytes: number;
  /** Forks and age after which one is replaced, so that one memory layout is not eternal. */
  readonly maxForks: number;
  readonly maxAgeMs: number;
  /** Replacing or retiring one failed. */
  readonly fault: (thrown: unknown) => void;
}

export class Zygotes {
  readonly #options: ZygotesOptions;
  readonly #kept: LRUCache<string, Zygote>;
  readonly #starting = new Map<string, Promise<Zygote>>();
  /** Those whose sandbox is not destroyed yet. */
  readonly #leaving = new Set<Promise<void>>();
  #isClosed = false;

  constructor(options: ZygotesOptions) {
    this.#options = options;
    this.#kept = new LRUCache({ maxSize: options.memoryBytes, dispose: (zygote) => this.#retire(zygote) });
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
    await Promise.all(this.#leaving);
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
    };
    start.then(forget, forget);
    return start;
  }

  async #start(key: string, role: ZygoteRole, order: ForkOrder): Promise<Zygote> {
    const startedAtMs = now();
    const { version, layers } = order;
    const id = `zygote-${randomBytes(6).toString("hex")}`;
    const clones = new Clones();
    const process = await startZygote({
      ...order,
      id,
      role,
      layers: role === "function" ? layers : layers.filter((digest) => digest !== version.layer),
      sandboxes: this.#options.sandboxes,
      cloneless: clones.none,
    });
    endSpan("zygote", id, startedAtMs);
    return new Zygote(key, role, process, clones);
  }

  #keep(zygote: Zygote, size: number): void {
    this.#kept.set(zygote.key, zygote, { size });
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

/** V8's heap has a size from the start, so clones of one runtime zygote share their limit. */
function keyOf(role: ZygoteRole, version: FunctionVersion): string {
  if (role === "function") return `${version.function}@${version.number}`;
  return `${version.manifest.runtime} ${version.manifest.limits.memoryBytes}`;
}
