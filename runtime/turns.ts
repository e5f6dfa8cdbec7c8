// One thing at a time per name: deploys, removals and restarts of one function follow each other; those of different
// functions run side by side. runtime.ts says what takes a turn; deploy.ts takes one only once the upload has arrived, so
// that a slow sender holds nobody up.

/** Queues by name; a name is remembered only while something runs or waits for it. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Runs `act` after everything asked for `name` before, whether that succeeded or not. */
  async take<Value>(name: string, act: () => Promise<Value>): Promise<Value> {
    const before = this.#last.get(name) ?? Promise.resolve();
    const mine = before.then(act, act);
    this.#last.set(name, mine);
    try {
      return await mine;
    } finally {
      if (this.#last.get(name) === mine) this.#last.delete(name);
    }
  }
}
