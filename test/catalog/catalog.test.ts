// The record of what is deployed: what was acknowledged is there after any end, numbers are never given twice, and every
// request is answered.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DatabaseSync } from "node:sqlite";
import type { Worker } from "node:worker_threads";
import test from "ava";
import { type Catalog, type FunctionVersion, openCatalog, parseManifest } from "../../runtime/catalog/index.ts";
import { root } from "../architecture/tree.ts";
import { temporaryDirectory } from "../support/function-directory.ts";
import { fill, smallDisk } from "../support/small-disk.ts";

const durable = { durability: "sync" } as const;

test("what was published is current, and is there again after a restart", async (t) => {
  const dir = temporaryDirectory(t);
  const first = await openCatalog(dir, durable);
  const one = await deploy(first, "hello");
  const two = await deploy(first, "hello");
  const other = await deploy(first, "another");
  t.is(first.current("hello"), two);
  await first.close();
  const second = await openCatalog(dir, durable);
  t.teardown(() => second.close());
  t.deepEqual(second.current("hello"), two);
  t.deepEqual(second.get("hello", 1), one);
  t.deepEqual(second.versions("hello"), [one, two]);
  t.deepEqual(second.list(), [other, two]);
  t.deepEqual(second.layers(), new Set([other.layer, one.layer, two.layer]));
});

test("numbers rise by one per function and are never given twice, not even after remove and a restart", async (t) => {
  const dir = temporaryDirectory(t);
  const first = await openCatalog(dir, durable);
  t.deepEqual(await Promise.all([first.reserve("a"), first.reserve("a"), first.reserve("b")]), [1, 2, 1]);
  await deploy(first, "a");
  t.true(await first.remove("a"));
  t.false(await first.remove("a"));
  t.false(await first.remove("never-there"));
  t.is(first.current("a"), undefined);
  t.deepEqual(first.versions("a"), []);
  await first.close();
  const second = await openCatalog(dir, durable);
  t.teardown(() => second.close());
  t.deepEqual(second.list(), []);
  t.is(await second.reserve("a"), 4);
});

test("a version that was not reserved, or is there already, is refused and changes nothing", async (t) => {
  const catalog = await openCatalog(temporaryDirectory(t), durable);
  t.teardown(() => catalog.close());
  const published = await deploy(catalog, "a");
  await t.throwsAsync(catalog.publish(versionOf("a", 7)), { code: "INTERNAL", message: /a@7 was never reserved/ });
  await t.throwsAsync(catalog.publish(versionOf("b", 1)), { code: "INTERNAL" });
  await t.throwsAsync(catalog.publish(published), { code: "INTERNAL" });
  t.is(catalog.current("a"), published);
  t.is(catalog.current("b"), undefined);
  t.is((await deploy(catalog, "a")).number, 2);
});

test("names that are special to JavaScript are names like others", async (t) => {
  const catalog = await openCatalog(temporaryDirectory(t), durable);
  t.teardown(() => catalog.close());
  for (const name of ["__proto__", "constructor", "toString"]) {
    t.is(catalog.current(name), undefined);
    t.deepEqual(catalog.versions(name), []);
    t.is(await catalog.reserve(name), 1);
  }
});

test("a catalog that another server holds is refused", async (t) => {
  const dir = temporaryDirectory(t);
  const catalog = await openCatalog(dir, durable);
  t.teardown(() => catalog.close());
  await deploy(catalog, "a");
  await t.throwsAsync(openCatalog(dir, durable), { code: "DATA_DIR_IN_USE" });
  t.is((await deploy(catalog, "a")).number, 2);
});

test("a damaged file, a missing directory and a newer schema are told apart from an empty catalog", async (t) => {
  const dir = temporaryDirectory(t);
  const file = join(dir, "catalog.sqlite");
  await t.throwsAsync(openCatalog(join(dir, "missing"), durable), { code: "DATA_DIR_UNUSABLE" });
  writeFileSync(file, "this was never a database ".repeat(400));
  await t.throwsAsync(openCatalog(dir, durable), {
    code: "DATA_DIR_UNUSABLE",
    message: /catalog\.sqlite cannot be used/,
  });
  writeFileSync(file, "");
  const catalog = await openCatalog(dir, durable);
  await deploy(catalog, "a");
  await catalog.close();
  const database = new DatabaseSync(file);
  database.exec("PRAGMA user_version = 99");
  database.close();
  await t.throwsAsync(openCatalog(dir, durable), {
    code: "DATA_DIR_UNUSABLE",
    message: /written by a newer tsfn \(schema 99/,
  });
});

test("close waits for what was asked before and refuses what comes after", async (t) => {
  const dir = temporaryDirectory(t);
  const first = await openCatalog(dir, { durability: "none" });
  const asked = [first.reserve("a"), first.reserve("a"), first.reserve("a")];
  await first.close();
  t.deepEqual(await Promise.all(asked), [1, 2, 3]);
  await t.throwsAsync(first.reserve("a"), { code: "INTERNAL", message: /worker ended/ });
  await first.close();
  const second = await openCatalog(dir, durable);
  t.is(await second.reserve("a"), 4);
  await second.close();
});

test.serial("when the worker dies, everybody who waits is told and nobody hangs", async (t) => {
  const started = once(process, "worker");
  const catalog = await openCatalog(temporaryDirectory(t), durable);
  const [worker] = (await started) as [Worker];
  const asked = Promise.allSettled(Array.from({ length: 50 }, () => catalog.reserve("a")));
  await worker.terminate();
  const rejected = (await asked).filter(({ status }) => status === "rejected");
  t.true(rejected.length > 0);
  await t.throwsAsync(catalog.reserve("a"), { code: "INTERNAL", message: /worker ended/ });
  await catalog.close();
});

test("every version acknowledged before kill -9 is there afterwards, ten times over", async (t) => {
  const dir = temporaryDirectory(t);
  const acknowledged: number[] = [];
  for (let round = 0; round < 10; round++) {
    acknowledged.push(...(await deployUntilKilled(dir, 3 + round)));
    const catalog = await openCatalog(dir, durable);
    const missing = acknowledged.filter((number) => catalog.get("hello", number) === undefined);
    t.deepEqual(missing, []);
    t.true((catalog.current("hello")?.number ?? 0) >= Math.max(...acknowledged));
    t.true((await catalog.reserve("hello")) > Math.max(...acknowledged));
    await catalog.close();
  }
});

test("on a full disk a deployment fails, what was there stays, and goes on once there is room", async (t) => {
  const disk = smallDisk(t, 512);
  const catalog = await openCatalog(disk, durable);
  const before = await deploy(catalog, "a");
  const release = fill(disk);
  const error = await t.throwsAsync(async () => {
    for (;;) await deploy(catalog, "a");
  });
  t.like(error, { code: "DISK_FULL" });
  const current = catalog.current("a");
  t.true((current?.number ?? 0) >= before.number);
  release();
  const after = await deploy(catalog, "a");
  t.is(catalog.current("a"), after);
  await catalog.close();
  const reopened = await openCatalog(disk, durable);
  t.deepEqual(reopened.current("a"), after);
  t.deepEqual(
    readdirSync(disk).filter((name) => !name.startsWith("catalog.sqlite")),
    [],
  );
  await reopened.close();
});

async function deploy(catalog: Catalog, name: string): Promise<FunctionVersion> {
  const version = versionOf(name, await catalog.reserve(name));
  await catalog.publish(version);
  return version;
}

function versionOf(name: string, number: number): FunctionVersion {
  return {
    function: name,
    number,
    manifest: parseManifest("{}", "tsfn.json", { name }),
    layer: `${name}-${number}`.padEnd(64, "0"),
    sizeBytes: 1_000,
    createdAt: new Date(number * 1_000).toISOString(),
  };
}

/** Deploys in another process and kills it after `count` acknowledgements; resolves to the numbers told. */
async function deployUntilKilled(dir: string, count: number): Promise<number[]> {
  const program = `
    import { openCatalog, parseManifest } from ${JSON.stringify(join(root, "runtime/catalog/index.ts"))};
    const catalog = await openCatalog(${JSON.stringify(dir)}, { durability: "sync" });
    const manifest = parseManifest("{}", "tsfn.json", { name: "hello" });
    for (;;) {
      const number = await catalog.reserve("hello");
      const layer = String(number).padEnd(64, "0");
      await catalog.publish({ function: "hello", number, manifest, layer, sizeBytes: 1, createdAt: "" });
      console.log(number);
    }
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const told: number[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (told.push(Number(line)) === count) child.kill("SIGKILL");
  }
  await exited;
  return told;
}
