// What one instance may connect to, and which names it may look up: the manifest's `network` as decisions. No I/O.

import { isIP } from "node:net";
import { isNeverByName, type OwnAddresses, specialClassOf } from "./address-classes.ts";
import type { Destination, GrantedNetwork } from "./egress-messages.ts";

export interface Policy {
  /** null: it may connect there. Otherwise a sentence for the function's log, with what tsfn.json would have to say. */
  refusal(address: string, port: number): string | null;
  /** The same of a connection that is made, from `localAddress`: whoever is connected to himself has that of the destination. */
  refusalFrom(localAddress: string, address: string, port: number): string | null;
  /** Whether this name, in lower case, may be looked up. */
  mayResolve(name: string): boolean;
  /** A name that may be looked up has these addresses, for so long. */
  learn(name: string, addresses: readonly string[], ttlS: number): void;
}

export interface PolicyParts {
  readonly own: Pick<OwnAddresses, "has">;
  readonly now: () => number;
}

export function policyOf(network: GrantedNetwork, parts: PolicyParts): Policy {
  return network === "internet" ? new PublicPolicy(parts) : new ListPolicy(network, parts);
}

class PublicPolicy implements Policy {
  readonly #own: PolicyParts["own"];

  constructor({ own }: PolicyParts) {
    this.#own = own;
  }

  refusal(address: string, port: number): string | null {
    const what = specialClassOf(address) ?? (this.#own.has(address) ? serversOwn : null);
    return what === null ? null : refusalOf(what, address, port);
  }

  refusalFrom(localAddress: string, address: string, port: number): string | null {
    return localAddress === address ? refusalOf(serversOwn, address, port) : null;
  }

  mayResolve(): boolean {
    return true;
  }

  learn(): void {}
}

const serversOwn = "the server's own";

function refusalOf(what: string, address: string, port: number): string {
  return `${written(address, port)} is refused: the address is ${what}; ${toAllow([written(address, port)])}`;
}

/** What clients keep of an answer, whatever its time to live says. */
const leastMs = 60_000;
const mostMs = 3_600_000;
/** Of all names of a list together; the oldest goes first. */
const maxLearned = 1_024;

class ListPolicy implements Policy {
  readonly #now: () => number;
  readonly #addresses: ReadonlySet<string>;
  readonly #names: ReadonlyMap<string, ReadonlySet<number>>;
  /** By address and name, when it was learned last comes last. */
  readonly #learned = new Map<string, { readonly address: string; readonly name: string; readonly untilMs: number }>();

  constructor(destinations: readonly Destination[], { now }: PolicyParts) {
    this.#now = now;
    const isAddress = ({ host }: Destination) => isIP(host) !== 0;
    this.#addresses = new Set(destinations.filter(isAddress).map(({ host, port }) => written(host, port)));
    const names = new Map<string, Set<number>>();
    for (const { host, port } of destinations.filter((destination) => !isAddress(destination)))
      names.set(host, (names.get(host) ?? new Set()).add(port));
    this.#names = names;
  }

  refusal(address: string, port: number): string | null {
    const destination = written(address, port);
    if (this.#addresses.has(destination)) return null;
    const names = this.#namesOf(address);
    if (names.some((name) => this.#names.get(name)?.has(port))) return null;
    const candidates = names.length > 0 ? names.map((name) => `${name}:${port}`) : [destination];
    return `${destination} is refused: "network" in tsfn.json does not name it; ${toAllow(candidates)}`;
  }

  /** It may name the server's own. */
  refusalFrom(): null {
    return null;
  }

  mayResolve(name: string): boolean {
    return this.#names.has(name);
  }

  learn(name: string, addresses: readonly string[], ttlS: number): void {
    const untilMs = this.#now() + Math.min(mostMs, Math.max(leastMs, ttlS * 1_000));
    for (const address of addresses) {
      if (isNeverByName(address)) continue;
      const key = `${address} ${name}`;
      this.#learned.delete(key);
      this.#learned.set(key, { address, name, untilMs });
    }
    for (const key of this.#learned.keys()) {
      if (this.#learned.size <= maxLearned) break;
      this.#learned.delete(key);
    }
  }

  #namesOf(address: string): string[] {
    const atMs = this.#now();
    return [...this.#learned.values()]
      .filter((learned) => learned.address === address && learned.untilMs > atMs)
      .map(({ name }) => name);
  }
}

/** As tsfn.json names it. */
export function written(address: string, port: number): string {
  return isIP(address) === 6 ? `[${address}]:${port}` : `${address}:${port}`;
}

/** What tsfn.json would have to say. */
export function toAllow(destinations: readonly string[]): string {
  const names = destinations.map((destination) => JSON.stringify(destination)).join(" or ");
  return `"network" would have to be a list that has ${names}`;
}
