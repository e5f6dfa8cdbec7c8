// Which route wins: by examples, and against a plain reading of the rule for any routes and requests.

import test from "ava";
import fc from "fast-check";
import type { Route } from "../../runtime/catalog/index.ts";
import { patternOf } from "../../runtime/catalog/route-schema.ts";
import { buildRouteTable } from "../../runtime/catalog/route-table.ts";

/** Every route is owned by a function that is named as it. */
function tableOf(routes: readonly Route[]) {
  return buildRouteTable(routes.map((route) => ({ name: patternOf(route), routes: [route] })));
}

const route = (pattern: string): Route => {
  const slash = pattern.indexOf("/");
  return { host: pattern.slice(0, slash) || null, path: pattern.slice(slash) };
};

test("an exact host comes before a wildcard host before none, then the longest path, exact before prefix", (t) => {
  const table = tableOf(
    ["/*", "/a/*", "/a", "/a/", "/a/b", "/a/b/*", "*.x.y/a/*", "h.x.y/a/b/*", "h.x.y/only"].map(route),
  );
  const winners: readonly (readonly [host: string, path: string, pattern: string])[] = [
    ["z", "/", "/*"],
    ["z", "/b", "/*"],
    ["z", "/a", "/a"],
    ["z", "/a/", "/a/"],
    ["z", "/a/c", "/a/*"],
    ["z", "/ab", "/*"],
    ["z", "/a/b", "/a/b"],
    ["z", "/a/b/", "/a/b/*"],
    ["z", "/a/b/c/d", "/a/b/*"],
    ["z", "//a", "/*"],
    ["z", "/A", "/*"],
    ["h.x.y", "/a/b", "h.x.y/a/b/*"],
    ["h.x.y", "/a/c", "*.x.y/a/*"],
    ["h.x.y", "/only", "h.x.y/only"],
    ["h.x.y", "/only/", "/*"],
    ["i.x.y", "/a", "*.x.y/a/*"],
    ["i.x.y", "/only", "/*"],
    ["j.i.x.y", "/a", "/a"],
    ["x.y", "/a", "/a"],
    [".x.y", "/a", "/a"],
  ];
  for (const [host, path, pattern] of winners) t.is(table.find(host, path), pattern, `${host}${path}`);
});

test("what no route fits belongs to nobody", (t) => {
  const table = tableOf(["/a", "/b/*", "h/c"].map(route));
  for (const path of ["/", "/a/", "/a/b", "/bc", "/c", "/__proto__", ""]) t.is(table.find("i", path), undefined, path);
  t.is(tableOf([]).find("h", "/"), undefined);
  t.is(tableOf([route("*.x/a")]).find("*", "/a"), undefined);
});

test("a route has one owner, whatever else fits it", (t) => {
  const table = tableOf(["/a/*", "h/a"].map(route));
  t.is(table.owner({ host: null, path: "/a/*" }), "/a/*");
  t.is(table.owner({ host: "h", path: "/a" }), "h/a");
  t.is(table.owner({ host: null, path: "/a" }), undefined);
  t.is(table.owner({ host: "h", path: "/a/*" }), undefined);
});

const part = fc.constantFrom("a", "b", "", "constructor");
const paths = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join("/")}`);
const hosts = fc.constantFrom("x.y", "a.x.y", "b.x.y", "a.a.x.y", "y");
const patterns = fc.record({
  host: fc.option(fc.oneof(hosts, fc.constantFrom("*.x.y", "*.y", "*.a.x.y"))),
  path: fc.oneof(
    paths,
    paths.map((path) => `${path.replace(/\/$/, "")}/*`),
  ),
});

test("for any routes and any request the table finds what the rule says", (t) => {
  const property = fc.property(fc.array(patterns, { maxLength: 12 }), hosts, paths, (routes, host, path) => {
    const [best] = routes.filter((each) => fits(each, host, path)).sort((a, b) => compare(rank(b), rank(a)));
    t.is(tableOf(routes).find(host, path), best === undefined ? undefined : patternOf(best));
  });
  t.notThrows(() => fc.assert(property, { numRuns: 2_000 }));
});

function fits(pattern: Route, host: string, path: string): boolean {
  const hostFits =
    pattern.host === null ||
    pattern.host === host ||
    (pattern.host.startsWith("*.") && pattern.host.slice(2) === host.split(".").slice(1).join("."));
  const prefix = pattern.path.endsWith("/*") ? pattern.path.slice(0, -2) : null;
  return hostFits && (prefix === null ? pattern.path === path : path === prefix || path.startsWith(`${prefix}/`));
}

/** Host first, then the length of the path, then exact before prefix. */
function rank({ host, path }: Route): readonly number[] {
  const isPrefix = path.endsWith("/*");
  const hostRank = host === null ? 0 : host.startsWith("*.") ? 1 : 2;
  return [hostRank, isPrefix ? path.length - 2 : path.length, isPrefix ? 0 : 1];
}

function compare(a: readonly number[], b: readonly number[]): number {
  const place = a.findIndex((value, index) => value !== b[index]);
  return place === -1 ? 0 : (a[place] ?? 0) - (b[place] ?? 0);
}
