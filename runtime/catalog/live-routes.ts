// The custom routes of the live versions, and those that are about to be: who publishes claims its routes first, so that of
// two functions that want the same one at the same time only one gets it. catalog.ts asks here around its writes.

import { TsfnError } from "../errors.ts";
import { patternOf } from "./route-schema.ts";
import { buildRouteTable, type RouteTable } from "./route-table.ts";
import type { FunctionVersion } from "./version.ts";

export class LiveRoutes {
  readonly #live: () => readonly FunctionVersion[];
  /** On their way to the disk. */
  readonly #claims = new Set<FunctionVersion>();
  #table: RouteTable;

  /** @param live the current version of every function */
  constructor(live: () => readonly FunctionVersion[]) {
    this.#live = live;
    this.#table = tableOf(live());
  }

  find(host: string, path: string): string | undefined {
    return this.#table.find(host, path);
  }

  /** @throws TsfnError ROUTE_CONFLICT */
  check({ function: name, manifest }: FunctionVersion): void {
    if (manifest.routes.length === 0) return;
    const claimed = tableOf(this.#claims);
    for (const route of manifest.routes) {
      for (const owner of [this.#table.owner(route), claimed.owner(route)]) {
        if (owner !== undefined && owner !== name) throw conflict(name, patternOf(route), owner);
      }
    }
  }

  /** Does what makes a version live, unless it cannot be. @throws TsfnError ROUTE_CONFLICT, what `publish` throws */
  async claim(version: FunctionVersion, publish: () => Promise<void>): Promise<void> {
    this.check(version);
    this.#claims.add(version);
    try {
      await publish();
      this.rebuild();
    } finally {
      this.#claims.delete(version);
    }
  }

  /** After a change of what is live. */
  rebuild(): void {
    this.#table = tableOf(this.#live());
  }
}

function tableOf(versions: Iterable<FunctionVersion>): RouteTable {
  return buildRouteTable(Array.from(versions, ({ function: name, manifest: { routes } }) => ({ name, routes })));
}

function conflict(name: string, pattern: string, owner: string): TsfnError {
  return new TsfnError("ROUTE_CONFLICT", `${name} cannot have the route "${pattern}": it belongs to ${owner}`, {
    function: name,
    hint: `Change "routes" in tsfn.json, or free it first with: tsfn rm ${owner}`,
  });
}
