// Every pool of the server: the live one of each function, and those of replaced versions that still finish.

import type { FunctionVersion } from "../catalog/index.ts";
import { TsfnError } from "../errors.ts";
import { type Estimates, firstEstimates } from "./estimates.ts";
import type { Pool } from "./pool.ts";

export type PoolMaker = (version: FunctionVersion, estimates: Estimates) => Pool;

export class Pools {
  readonly #make: PoolMaker;
  readonly #over: (version: FunctionVersion) => void;
  readonly #live = new Map<string, Pool>();
  /** Of older versions that are called by number, as `name@number`. */
  readonly #pinned = new Map<string, Pool>();
  readonly #leaving = new Set<Pool>();

  /** `over` hears of each version whose last instance is gone and that is live no more. */
  constructor(make: PoolMaker, over: (version: FunctionVersion) => void) {
    this.#make = make;
    this.#over = over;
  }

  live(functionName: string): Pool | undefined {
    return this.#live.get(functionName);
  }

  /** Makes the live pool of a function that has none yet. */
  open(version: FunctionVersion): Pool {
    const pool = this.candidate(version);
    this.#live.set(version.function, pool);
    pool.open();
    return pool;
  }

  /** The pool of a version that is not live; nothing of it is kept ready. */
  pinned(version: FunctionVersion): Pool {
    const key = `${version.function}@${version.number}`;
    const known = this.#pinned.get(key);
    if (known !== undefined) return known;
    const { manifest } = version;
    const pool = this.candidate({ ...version, manifest: { ...manifest, scaling: { ...manifest.scaling, min: 0 } } });
    this.#pinned.set(key, pool);
    pool.open();
    return pool;
  }

  /** A pool that gets no invocations until `swap`; it begins with what the live one learned. */
  candidate(version: FunctionVersion): Pool {
    return this.#make(version, this.#live.get(version.function)?.estimates ?? firstEstimates);
  }

  /** New and waiting invocations go to `next` from now on. Resolves when the instances before it are gone. */
  swap(next: Pool): Promise<void> {
    const { function: name } = next.version;
    const before = this.#live.get(name);
    this.#live.set(name, next);
    next.open();
    const replaced = new TsfnError("SHUTTING_DOWN", `the instances of ${name} are being replaced`, { retryAfterS: 1 });
    const leaving = this.#takePinned(name).map((pool) => this.#leave(pool, pool.drain(replaced)));
    if (before !== undefined) leaving.push(this.#leave(before, before.replaceBy(next)));
    return Promise.all(leaving).then(() => undefined);
  }

  /** Resolves when the instances are gone; those in flight finish first. */
  remove(functionName: string, refusal: TsfnError): Promise<void> {
    const live = this.#live.get(functionName);
    this.#live.delete(functionName);
    const going = this.#takePinned(functionName);
    if (live !== undefined) going.push(live);
    return Promise.all(going.map((pool) => this.#leave(pool, pool.refuse(refusal)))).then(() => undefined);
  }

  /** Those of one function, or all: live ones first. */
  all(functionName?: string): Pool[] {
    const pools = [...this.#live.values(), ...this.#pinned.values(), ...this.#leaving];
    return functionName === undefined ? pools : pools.filter(({ version }) => version.function === functionName);
  }

  /** Of a candidate that never went live, or a pool that is empty: unless the same version serves again. */
  abandon(version: FunctionVersion): void {
    const { function: name, number } = version;
    if (this.all(name).every((pool) => pool.version.number !== number)) this.#over(version);
  }

  #takePinned(functionName: string): Pool[] {
    const taken = [...this.#pinned].filter(([, { version }]) => version.function === functionName);
    for (const [key] of taken) this.#pinned.delete(key);
    return taken.map(([, pool]) => pool);
  }

  async #leave(pool: Pool, emptied: Promise<void>): Promise<void> {
    this.#leaving.add(pool);
    await emptied;
    this.#leaving.delete(pool);
    this.abandon(pool.version);
  }
}
