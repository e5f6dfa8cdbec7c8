// Which function's custom route a request takes. The most specific one wins: an exact host before a wildcard host before
// none, then the longest path, an exact one before a prefix. Built anew whenever a live version changes; never written to.

import { patternOf } from "./route-schema.ts";
import type { Route } from "./version.ts";

export interface RouteTable {
  /**
   * The function that answers a request. Its cost is bounded by the routes, not by what a stranger sends.
   * @param host in lower case, without a port; a trailing dot is not part of it
   * @param path as it was sent, without the query; begins with a slash
   */
  find(host: string, path: string): string | undefined;
  /** The function that has this very route. */
  owner(route: Route): string | undefined;
}

export interface RoutedFunction {
  readonly name: string;
  readonly routes: readonly Route[];
}

/** One segment of the declared paths of one host. */
interface Segment {
  readonly next: Map<string, Segment>;
  /** Whose path ends here. */
  exact?: string;
  /** Whose path goes on with `/*`. */
  prefix?: string;
}

/** No route may belong to two functions; where one does the last one has it. */
export function buildRouteTable(functions: Iterable<RoutedFunction>): RouteTable {
  const owners = new Map<string, string>();
  const hosts = new Map<string | null, Segment>();
  for (const { name, routes } of functions) {
    for (const route of routes) {
      owners.set(patternOf(route), name);
      const root = hosts.get(route.host) ?? newSegment();
      hosts.set(route.host, root);
      add(root, route.path, name);
    }
  }
  const anyHost = hosts.get(null);
  return {
    find(host, path) {
      if (hosts.size === 0) return undefined;
      return (
        findPath(hosts.get(host), path) ??
        findPath(hosts.get(`*${host.slice(firstDot(host))}`), path) ??
        findPath(anyHost, path)
      );
    },
    owner: (route) => owners.get(patternOf(route)),
  };
}

function newSegment(): Segment {
  return { next: new Map() };
}

function add(root: Segment, path: string, name: string): void {
  const isPrefix = path.endsWith("/*");
  let segment = root;
  for (const part of (isPrefix ? path.slice(0, -2) : path).split("/").slice(1)) {
    const next = segment.next.get(part) ?? newSegment();
    segment.next.set(part, next);
    segment = next;
  }
  segment[isPrefix ? "prefix" : "exact"] = name;
}

/** Down the path for as long as somebody declared one like it. */
function findPath(root: Segment | undefined, path: string): string | undefined {
  if (root === undefined) return undefined;
  let segment = root;
  let found = root.prefix;
  for (let start = 1; ; ) {
    const slash = path.indexOf("/", start);
    const next = segment.next.get(path.slice(start, slash === -1 ? path.length : slash));
    if (next === undefined) return found;
    found = next.prefix ?? found;
    if (slash === -1) return next.exact ?? found;
    segment = next;
    start = slash + 1;
  }
}

/** Where the first label ends. A host without more of them has no wildcard: nothing follows its end, and `*` is no host. */
function firstDot(host: string): number {
  const dot = host.indexOf(".");
  return dot > 0 ? dot : host.length;
}
