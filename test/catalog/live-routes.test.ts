// Custom routes in a real catalog: a route belongs to one live version at a time, also while others are on their way to disk.

import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import test from "ava";
import { type Catalog, type FunctionVersion, openCatalog, parseManifest } from "../../runtime/catalog/index.ts";
import { temporaryDirectory } from "../support/function-directory.ts";

const durability = { durability: "none" } as const;

test("a route that another function's live version has is refused, with both names and the route", async (t) => {
  const catalog = await openCatalog(temporaryDirectory(t), durability);
  t.teardown(() => catalog.close());
  await publish(catalog, "shop", ["/shop/*", { host: "shop.example.com" }]);
  for (const [routes, pattern] of [
    [["/free", "/shop/*"], "/shop/*"],
    [[{ host: "shop.example.com", path: "/*" }], "shop.example.com/*"],
  ] as const) {
    const error = await t.throwsAsync(publish(catalog, "thief", routes), { code: "ROUTE_CONFLICT" });
    t.is(error?.message, `thief cannot have the route "${pattern}": it belongs to shop`);
    t.is(catalog.current("thief"), undefined);
  }
  t.is(catalog.routeTo("any", "/free"), undefined);
  await publish(catalog, "neighbour", ["/shop", "/shop/sale/*", { host: "*.example.com" }]);
  t.is(catalog.routeTo("any", "/shop"), "neighbour");
  t.is(catalog.routeTo("any", "/shop/sale/1"), "neighbour");
  t.is(catalog.routeTo("any", "/shop/1"), "shop");
  t.is(catalog.routeTo("shop.example.com", "/x"), "shop");
  t.is(catalog.routeTo("other.example.com", "/x"), "neighbour");
});

test("of functions that want the same route at the same time one gets it", async (t) => {
  const catalog = await openCatalog(temporaryDirectory(t), durability);
  t.teardown(() => catalog.close());
  const names = ["a", "b", "c", "d"];
  const results = await Promise.allSettled(names.map((name) => publish(catalog, name, ["/same", `/${name}`])));
  const winners = names.filter((_, index) => results[index]?.status === "fulfilled");
  t.is(winners.length, 1);
  for (const result of results) if (result.status === "rejected") t.like(result.reason, { code: "ROUTE_CONFLICT" });
  t.is(catalog.routeTo("h", "/same"), winners[0]);
  t.deepEqual(
    catalog.list().map(({ function: name }) => name),
    winners,
  );
});

test("what a live version gives up is free: by another version, a rollback or a removal", async (t) => {
  const catalog = await openCatalog(temporaryDirectory(t), durability);
  t.teardown(() => catalog.close());
  const first = await publish(catalog, "a", ["/old"]);
  await publish(catalog, "a", ["/new"]);
  t.is(catalog.routeTo("h", "/old"), undefined);
  t.is(catalog.routeTo("h", "/new"), "a");
  await publish(catalog, "b", ["/old"]);
  await t.throwsAsync(catalog.activate(first), { code: "ROUTE_CONFLICT", message: /^a cannot.*belongs to b$/ });
  t.is(catalog.routeTo("h", "/new"), "a");
  await catalog.remove("b");
  t.is(catalog.routeTo("h", "/old"), undefined);
  await catalog.activate(first);
  t.is(catalog.routeTo("h", "/old"), "a");
  t.is(catalog.routeTo("h", "/new"), undefined);
});

test("a version that could not be written leaves its routes free", async (t) => {
  const catalog = await openCatalog(temporaryDirectory(t), durability);
  t.teardown(() => catalog.close());
  await t.throwsAsync(catalog.publish(versionOf("a", 7, ["/x"])), { code: "INTERNAL" });
  await publish(catalog, "b", ["/x"]);
  t.is(catalog.routeTo("h", "/x"), "b");
});

test("routes are there again after a restart", async (t) => {
  const dir = temporaryDirectory(t);
  const first = await openCatalog(dir, durability);
  await publish(first, "a", ["/a/*"]);
  await first.close();
  const second = await openCatalog(dir, durability);
  t.teardown(() => second.close());
  t.is(second.routeTo("h", "/a/1"), "a");
  await t.throwsAsync(publish(second, "b", ["/a/*"]), { code: "ROUTE_CONFLICT" });
});

test("a version from before there were routes has none", async (t) => {
  const dir = temporaryDirectory(t);
  const first = await openCatalog(dir, durability);
  await publish(first, "old", ["/old"]);
  await first.close();
  const database = new DatabaseSync(join(dir, "catalog.sqlite"));
  database.exec("UPDATE versions SET manifest = json_remove(manifest, '$.routes')");
  database.close();
  const second = await openCatalog(dir, durability);
  t.teardown(() => second.close());
  t.deepEqual(second.current("old")?.manifest.routes, []);
  t.is(second.routeTo("h", "/old"), undefined);
  await publish(second, "new", ["/old"]);
});

async function publish(catalog: Catalog, name: string, routes: readonly unknown[]): Promise<FunctionVersion> {
  const version = versionOf(name, await catalog.reserve(name), routes);
  await catalog.publish(version);
  return version;
}

function versionOf(name: string, number: number, routes: readonly unknown[]): FunctionVersion {
  const manifest = parseManifest(JSON.stringify({ routes }), "tsfn.json", { name });
  return {
    function: name,
    number,
    manifest,
    layer: "0".repeat(64),
    sizeBytes: 1,
    createdAt: new Date(0).toISOString(),
  };
}
