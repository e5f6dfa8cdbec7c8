// Which addresses are the public internet's, and which are this machine's. Whoever is connected to is told by address, never by
// name, so that a name that changes its address between two looks at it changes nothing.

import { BlockList, isIPv4 } from "node:net";
import { networkInterfaces } from "node:os";
import type { LocalRoutes } from "./local-routes.ts";

/** null: public. Otherwise what it is instead, as in "10.0.0.5 is private". */
export function specialClassOf(address: string): string | null {
  const family = isIPv4(address) ? "ipv4" : "ipv6";
  const found = classes.find(({ list }) => list.check(address, family));
  if (found !== undefined) return found.name;
  // What is outside has no meaning yet, or leads to IPv4 by a translation: ::ffff:0/96, 64:ff9b::/96, site-local, unique local.
  return family === "ipv4" || globalUnicast.check(address, family) ? null : "not public";
}

/** Of no use to whoever is not on the same link, or machine: no name may lead to it. */
export function isNeverByName(address: string): boolean {
  return [...neverByName].includes(specialClassOf(address) ?? "");
}

/** `::ffff:192.0.2.1`, as a socket for both families tells an IPv4 address, is 192.0.2.1. */
export function plainAddress(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address;
}

/** What leads to this machine itself: what its devices have, looked up at most so often, and what the kernel delivers here. */
export class OwnAddresses {
  readonly #now: () => number;
  readonly #isLocal: LocalRoutes;
  #atMs = Number.NEGATIVE_INFINITY;
  #own: ReadonlySet<string> = new Set();
  #families: ReadonlySet<4 | 6> = new Set();

  constructor(now: () => number, isLocal: LocalRoutes) {
    this.#now = now;
    this.#isLocal = isLocal;
  }

  /** Also where the kernel cannot be asked: what may be this machine's is not for a function. */
  has(address: string): boolean {
    this.#refresh();
    if (this.#own.has(address)) return true;
    try {
      return this.#isLocal(address);
    } catch {
      return true;
    }
  }

  /** Whether it has an address of this family that leads further than its own link; of neither, nobody can tell. */
  reaches(family: 4 | 6): boolean {
    this.#refresh();
    return this.#families.size === 0 || this.#families.has(family);
  }

  #refresh(): void {
    if (this.#now() - this.#atMs < refreshMs) return;
    this.#atMs = this.#now();
    const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
    const reaching = all.filter(({ internal, address }) => !internal && specialClassOf(address) !== "link-local");
    this.#own = new Set(all.map(({ address }) => address));
    this.#families = new Set(reaching.map(({ address }) => (isIPv4(address) ? 4 : 6)));
  }
}

const refreshMs = 2_000;
const neverByName: ReadonlySet<string> = new Set(["loopback", "link-local", "multicast", "reserved"]);

/** The registries of special-purpose addresses: iana.org/assignments/iana-ipv4-special-registry, and -ipv6-. */
const classes = [
  classOf("loopback", ["127.0.0.0/8"], ["::1/128"]),
  // The metadata services of clouds among them.
  classOf("link-local", ["169.254.0.0/16"], ["fe80::/10"]),
  classOf("private", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"], ["fc00::/7"]),
  classOf("multicast", ["224.0.0.0/4"], ["ff00::/8"]),
  classOf("reserved", ["0.0.0.0/8", "240.0.0.0/4"], ["::/128"]),
  classOf(
    "not public",
    ["192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"],
    // Teredo and its neighbours, documentation, 6to4.
    ["2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"],
  ),
] as const;

const globalUnicast = classOf("", [], ["2000::/3"]).list;

function classOf(name: string, four: readonly string[], six: readonly string[]) {
  const list = new BlockList();
  for (const [subnets, family] of [
    [four, "ipv4"],
    [six, "ipv6"],
  ] as const) {
    for (const subnet of subnets) {
      const [address = "", bits] = subnet.split("/");
      list.addSubnet(address, Number(bits), family);
    }
  }
  return { name, list };
}
