// Who uses a secret: functions whose live version names it, and those that are just getting such a version. Of the latter the
// catalog knows nothing yet, though their first instances have the value already.

import type { Catalog } from "./catalog/index.ts";

interface Claim {
  readonly functionName: string;
  readonly secrets: readonly string[];
}

export class SecretUses {
  readonly #catalog: Pick<Catalog, "list">;
  readonly #claims = new Set<Claim>();

  constructor(catalog: Pick<Catalog, "list">) {
    this.#catalog = catalog;
  }

  /** The functions whose live version names it. */
  live(secret: string): string[] {
    const users = this.#catalog.list().filter(({ manifest }) => manifest.secrets.includes(secret));
    return users.map((version) => version.function);
  }

  /** The functions that may get a live version that names it at any moment. */
  coming(secret: string): string[] {
    const claims = [...this.#claims].filter(({ secrets }) => secrets.includes(secret));
    return claims.map(({ functionName }) => functionName);
  }

  /** From before a version's first instance gets the values until the version is live, or has failed. */
  claim(functionName: string, secrets: readonly string[]): Disposable {
    const claim = { functionName, secrets };
    this.#claims.add(claim);
    return { [Symbol.dispose]: () => void this.#claims.delete(claim) };
  }
}
