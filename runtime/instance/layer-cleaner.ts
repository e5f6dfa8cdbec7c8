// A fresh writable layer between invocations: the warden swaps it under the running process, and the guest, which says when
// it was written to, steps into it. Off every answer's path: the answer has left when this begins.

import type { Sandbox } from "../sandbox/index.ts";
import { endSpan, now } from "../trace.ts";
import type { LayerState } from "./instance.ts";

/** How long a guest with nothing in flight may take to answer; one that is busy with itself is no use to anybody. */
const enterTimeoutMs = 2_000;

/**
 * A process may hold each layer that it was ever given by an open file, which takes 20 KB of the kernel's memory that count for
 * nobody.
 */
const mostSwaps = 1_000;

export interface CleanerParts {
  readonly sandbox: Sandbox;
  readonly exited: Promise<unknown>;
  /** Tells the guest to step into the new layer. */
  readonly tellGuest: () => void;
}

export class LayerCleaner implements LayerState {
  readonly #parts: CleanerParts;
  #isDirty = false;
  #running: Promise<void> | null = null;
  #swappingSinceMs: number | null = null;
  #swaps = 0;
  #entered = Promise.withResolvers<void>();

  constructor(parts: CleanerParts) {
    this.#parts = parts;
  }

  get isDirty(): boolean {
    return this.#isDirty;
  }

  /** It needs one more than an instance may have. */
  get isWornOut(): boolean {
    return this.#isDirty && this.#swaps >= mostSwaps;
  }

  /** Nothing was written, and it is not being swapped. */
  get isClean(): boolean {
    return !this.#isDirty && this.#running === null;
  }

  /** The cleaning that is under way; it resolves however that ends. */
  get running(): Promise<void> | null {
    return this.#running;
  }

  get swappingSinceMs(): number | null {
    return this.#swappingSinceMs;
  }

  get swaps(): number {
    return this.#swaps;
  }

  written(): void {
    this.#isDirty = true;
  }

  entered(): void {
    this.#entered.resolve();
  }

  /** Resolves when the layer is fresh or the process is gone. @throws TsfnError SANDBOX_FAILED, or Error of a late guest */
  async clean(instanceId: string): Promise<void> {
    const startedAtMs = now();
    this.#swappingSinceMs = startedAtMs;
    const cleaning = this.#clean();
    this.#running = cleaning.catch(() => undefined);
    try {
      await cleaning;
      endSpan("reset", instanceId, startedAtMs);
    } finally {
      this.#running = null;
      this.#swappingSinceMs = null;
    }
  }

  async #clean(): Promise<void> {
    const { sandbox, exited, tellGuest } = this.#parts;
    const entered = Promise.withResolvers<void>();
    this.#entered = entered;
    this.#isDirty = false;
    await sandbox.resetLayer();
    this.#swaps += 1;
    const late = new Error(`the process did not step into its fresh layer within ${enterTimeoutMs} ms`);
    const timer = setTimeout(() => entered.reject(late), enterTimeoutMs);
    tellGuest();
    await Promise.race([entered.promise, exited]).finally(() => clearTimeout(timer));
  }
}
