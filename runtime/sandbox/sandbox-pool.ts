// Generic sandboxes made ahead: namespaces and control groups take longest to make and are the same for every version, so
// a start finds them ready. Refilled in the background, and never while a start is under way.

import { randomUUID } from "node:crypto";
import type { Sandbox, SandboxFactory, SandboxLimits } from "./sandbox.ts";

export interface SandboxPoolOptions {
  readonly sandboxes: SandboxFactory;
  /** How many are kept ready; 0 makes each when it is asked for. */
  readonly size: number;
  /** Making one ahead, or destroying one, failed. */
  readonly fault: (thrown: unknown) => void;
}

export interface SandboxPool {
  /** One that is ready, or a new one; the taker's from now on. `settled` is called when its start is over. */
  take(limits: SandboxLimits): Promise<TakenSandbox>;
  readonly ready: number;
  /** Makes none any more, and destroys those ready. */
  close(): Promise<void>;
}

export interface TakenSandbox {
  readonly sandbox: Sandbox;
  settled(): void;
}

/** After the last start, before the machine is spent on refilling. */
const quietMs = 2;

/** Until the first one is taken; then those of the last one taken, so that a claim need not change them. */
const firstLimits: SandboxLimits = {
  memoryBytes: 128 * 2 ** 20,
  cpus: 1,
  pids: 64,
  diskBytes: 64 * 2 ** 20,
  diskInodes: 16_384,
  openFiles: 1_024,
};

export function createSandboxPool(options: SandboxPoolOptions): SandboxPool {
  return new Pool(options);
}

class Pool implements SandboxPool {
  readonly #options: SandboxPoolOptions;
  readonly #ready: Sandbox[] = [];
  #limits = firstLimits;
  /** Starts under way. */
  #starts = 0;
  #timer: NodeJS.Timeout | null = null;
  #making: Promise<void> | null = null;
  #isClosed = false;

  constructor(options: SandboxPoolOptions) {
    this.#options = options;
    this.#refillSoon();
  }

  get ready(): number {
    return this.#ready.length;
  }

  async take(limits: SandboxLimits): Promise<TakenSandbox> {
    this.#limits = limits;
    this.#starts += 1;
    let isSettled = false;
    const settled = () => {
      if (isSettled) return;
      isSettled = true;
      this.#starts -= 1;
      this.#refillSoon();
    };
    try {
      // The newest, whose memory is the most likely to be cached still.
      return { sandbox: this.#ready.pop() ?? (await this.#make()), settled };
    } catch (thrown) {
      settled();
      throw thrown;
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#making;
    const results = await Promise.allSettled(this.#ready.splice(0).map((sandbox) => sandbox.destroy()));
    for (const result of results) if (result.status === "rejected") this.#options.fault(result.reason);
  }

  #make(): Promise<Sandbox> {
    // Node keeps randomness for many of these; asking the kernel each time costs more than the rest.
    const id = `ready-${randomUUID().slice(-12)}`;
    return this.#options.sandboxes.create({ id, hostname: "tsfn", layers: [], limits: this.#limits });
  }

  #refillSoon(): void {
    if (this.#timer !== null || !this.#wantsMore()) return;
    const timer = setTimeout(() => {
      this.#timer = null;
      this.#making ??= this.#refill().finally(() => {
        this.#making = null;
      });
    }, quietMs);
    this.#timer = timer.unref();
  }

  async #refill(): Promise<void> {
    try {
      while (this.#wantsMore()) this.#ready.push(await this.#make());
    } catch (thrown) {
      // Not tried again before the next start, which will meet the same and say so to its caller.
      this.#options.fault(thrown);
    }
  }

  #wantsMore(): boolean {
    return !this.#isClosed && this.#starts === 0 && this.#ready.length < this.#options.size;
  }
}
