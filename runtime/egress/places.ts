// Places that the instances of all functions share, of which no function can take all: what one has beyond its share it would
// have of the others.

export interface PlaceLimits {
  /** Of all functions together. */
  readonly places: number;
  readonly placesPerFunction: number;
}

export class Places {
  readonly #limits: PlaceLimits;
  readonly #taken = new Map<string, number>();
  #count = 0;

  constructor(limits: PlaceLimits) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#count;
  }

  /** null: there is room for one more. Otherwise who has how many, which is the limit. */
  full(functionName: string): string | null {
    const { places, placesPerFunction } = this.#limits;
    if ((this.#taken.get(functionName) ?? 0) >= placesPerFunction)
      return `all instances of the function together have ${placesPerFunction}`;
    return this.#count >= places ? `all instances of the server together have ${places}` : null;
  }

  enter(functionName: string): void {
    this.#taken.set(functionName, (this.#taken.get(functionName) ?? 0) + 1);
    this.#count += 1;
  }

  leave(functionName: string): void {
    const left = (this.#taken.get(functionName) ?? 0) - 1;
    if (left > 0) this.#taken.set(functionName, left);
    else this.#taken.delete(functionName);
    this.#count -= 1;
  }
}
