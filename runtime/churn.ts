// A Map and a Set for what comes and goes thousands of times a second. V8's own ones make a new table after so many removals,
// and leave a link to it in the old one. Once such a table is in the old generation, garbage or not, each scavenge takes it, the
// next one and everything they held for alive: all that went through since the last full collection. Measured in
// docs/decisions/0016-what-a-scavenge-keeps.md. Here the live entries move to a new Map in time, which nothing links to.

/** Removals that are worth a move; below it V8's own tables are small. */
const fewRemovals = 128;

export class ChurnMap<Key, Value> {
  #entries = new Map<Key, Value>();
  #removals = 0;

  get size(): number {
    return this.#entries.size;
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key);
  }

  has(key: Key): boolean {
    return this.#entries.has(key);
  }

  set(key: Key, value: Value): void {
    this.#entries.set(key, value);
  }

  /** Whether it was there. */
  delete(key: Key): boolean {
    if (!this.#entries.delete(key)) return false;
    this.#removals += 1;
    if (this.#removals >= fewRemovals && this.#removals >= this.#entries.size) {
      this.#removals = 0;
      this.#entries = new Map(this.#entries);
    }
    return true;
  }

  /** Removes the one that is longest there. */
  shift(): [Key, Value] | undefined {
    for (const entry of this.#entries) {
      this.delete(entry[0]);
      return entry;
    }
    return undefined;
  }

  clear(): void {
    this.#removals = 0;
    this.#entries = new Map();
  }

  /** The value that is longest there. */
  get first(): Value | undefined {
    for (const value of this.#entries.values()) return value;
    return undefined;
  }

  /** Those of now, in the order in which they came; what is done meanwhile does not change them. */
  values(): Value[] {
    return [...this.#entries.values()];
  }

  entries(): [Key, Value][] {
    return [...this.#entries];
  }
}

export class ChurnSet<Item> {
  readonly #items = new ChurnMap<Item, Item>();

  get size(): number {
    return this.#items.size;
  }

  add(item: Item): void {
    this.#items.set(item, item);
  }

  /** Whether it was there. */
  delete(item: Item): boolean {
    return this.#items.delete(item);
  }

  /** The one that is longest there. */
  get first(): Item | undefined {
    return this.#items.first;
  }

  /** Those of now, in the order in which they came; what is done meanwhile does not change them. */
  values(): Item[] {
    return this.#items.values();
  }
}
