// Zygotes made ahead, of no version yet: Node's start and the rehearsal are most of what a zygote's start takes and are the same
// for all, so a new version finds them done. Refilled in the background, and never while a zygote is started.

import { defaultNode } from "../catalog/index.ts";
import { type BlankZygote, endBlankZygote, type ZygoteKind } from "../instance/index.ts";

export interface SparesOptions {
  /** How many are kept ready. */
  readonly size: number;
  readonly start: (kind: ZygoteKind) => Promise<BlankZygote>;
  /** Whether there is memory for so many of them. */
  readonly hasRoomFor: (count: number) => boolean;
  /** Making one ahead, or ending one, failed. */
  readonly fault: (thrown: unknown) => void;
}

/** After the last start, so that what follows it has the machine to itself. */
const quietMs = 50;
/** Until the first one is taken; then that of the last one, since heaps cannot be resized, nor Nodes replaced. */
const firstKind: ZygoteKind = { node: defaultNode, memoryBytes: 128 * 2 ** 20 };

interface Spare {
  readonly kind: ZygoteKind;
  /** null when it could not be made. */
  readonly made: Promise<BlankZygote | null>;
}

export class Spares {
  readonly #options: SparesOptions;
  #spares: Spare[] = [];
  #kind = firstKind;
  #timer: NodeJS.Timeout | null = null;
  /** Those that end. */
  readonly #leaving = new Set<Promise<void>>();
  #isClosed = false;

  constructor(options: SparesOptions) {
    this.#options = options;
    this.refillSoon();
  }

  /** The taker's from now on; null when none of this kind is ready or about to be. */
  async take(kind: ZygoteKind): Promise<BlankZygote | null> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#kind = kind;
    const spare = this.#spares.find((one) => isSame(one.kind, kind));
    if (spare === undefined) return null;
    this.#remove(spare);
    return await spare.made;
  }

  /** Call it when no zygote is being started any more. */
  refillSoon(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = this.#isClosed ? null : setTimeout(() => this.#refill(), quietMs).unref();
  }

  /** Lets go of those for which there is no memory. */
  shrink(): void {
    while (this.#spares.length > 0 && !this.#options.hasRoomFor(this.#spares.length)) this.#end(this.#spares[0]);
  }

  /** Resolves when none is left. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.refillSoon();
    for (const spare of this.#spares) this.#end(spare);
    await Promise.all(this.#leaving);
  }

  #refill(): void {
    this.#timer = null;
    const { size, hasRoomFor } = this.#options;
    for (const spare of this.#spares) if (!isSame(spare.kind, this.#kind)) this.#end(spare);
    while (this.#spares.length < size && hasRoomFor(this.#spares.length + 1)) this.#add(this.#kind);
  }

  #add(kind: ZygoteKind): void {
    const { start, fault } = this.#options;
    const made = start(kind).catch((thrown: unknown) => {
      // Not tried again before the next one is wanted, which will meet the same and say so to its caller.
      fault(thrown);
      this.#remove(spare);
      return null;
    });
    const spare: Spare = { kind, made };
    this.#spares.push(spare);
    void this.#watch(spare);
  }

  /** One that ends by itself is no spare. */
  async #watch(spare: Spare): Promise<void> {
    await (await spare.made)?.process.exited;
    if (this.#spares.includes(spare)) this.#end(spare);
  }

  #end(spare: Spare | undefined): void {
    if (spare === undefined) return;
    this.#remove(spare);
    const leaving: Promise<void> = spare.made
      .then((blank) => blank && endBlankZygote(blank))
      .then(() => undefined)
      .catch(this.#options.fault)
      .finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
  }

  #remove(spare: Spare): void {
    this.#spares = this.#spares.filter((one) => one !== spare);
  }
}

function isSame(one: ZygoteKind, other: ZygoteKind): boolean {
  return one.node === other.node && one.memoryBytes === other.memoryBytes;
}
