// Whether a guest has become ready: its own word, awaited for a while, or why that will not come.

import type { FunctionVersion } from "../catalog/index.ts";
import type { TsfnError } from "../errors.ts";
import type { Ready } from "../wire/index.ts";
import { loadGraceMs, silentWhileLoading } from "./exit-reason.ts";

export class Readiness {
  readonly #version: FunctionVersion;
  readonly #ready = Promise.withResolvers<Ready>();

  constructor(version: FunctionVersion) {
    this.#version = version;
    this.#ready.promise.catch(() => undefined); // Nobody may be waiting for it.
  }

  came(ready: Ready): void {
    this.#ready.resolve(ready);
  }

  willNotCome(error: TsfnError): void {
    this.#ready.reject(error);
  }

  /** @throws TsfnError LOAD_FAILED when it does not come within that, and a grace; else what `willNotCome` was told */
  async within(timeoutMs: number): Promise<Ready> {
    const late = () => this.willNotCome(silentWhileLoading(this.#version, timeoutMs));
    const timer = setTimeout(late, timeoutMs + loadGraceMs);
    try {
      return await this.#ready.promise;
    } finally {
      clearTimeout(timer);
    }
  }
}
