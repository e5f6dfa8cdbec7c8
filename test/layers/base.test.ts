// The base layers: what a program inside finds, that they are the same every time, and that they are built once.

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { ensureBaseLayers, type LayerStore, openLayerStore } from "../../runtime/layers/index.ts";
import { temporaryDirectory } from "../support/function-directory.ts";

test.serial("the base layers run Node and hold the guest, whose digest and theirs do not change", async (t) => {
  const first = await dataDirectory(t);
  const [guest, base] = await build(first);
  t.true(statSync(join(first.layers, guest, "opt/tsfn/guest.mjs")).size > 1_000);
  t.deepEqual(readdirSync(join(first.layers, guest)).sort(), ["app", "dev", "home", "opt", "proc", "run", "tmp"]);

  const program = `
    const { lookup } = require("node:dns/promises");
    const zone = new Date(0).toLocaleString("en", { timeZone: "Asia/Tokyo", hour: "numeric" });
    lookup("localhost").then(({ address }) => {
      const tls = new (require("node:worker_threads").Worker)("require('node:tls').createSecureContext()", { eval: true });
      tls.on("exit", (code) => console.log(JSON.stringify({ version: process.version, zone, address, code, uid: process.getuid() })));
    });
  `;
  const inside = execFileSync(
    "/usr/sbin/chroot",
    ["--userspec=1000:1000", join(first.layers, base), "/usr/local/bin/node", "-e", program],
    {
      env: {},
      encoding: "utf8",
    },
  );
  const told = JSON.parse(inside);
  t.like(told, { zone: "9 AM", code: 0, uid: 1_000 });
  t.regex(told.version, /^v26\./);
  t.true(["127.0.0.1", "::1"].includes(told.address));

  const second = await dataDirectory(t);
  t.deepEqual(await build(second), [guest, base]);
});

test.serial("a later start takes the layers that are there, and builds again what was lost", async (t) => {
  const data = await dataDirectory(t);
  const [guest, base] = await build(data);
  const builtAt = statSync(join(data.layers, base)).ctimeMs;
  t.deepEqual(await build(data), [guest, base]);
  t.is(statSync(join(data.layers, base)).ctimeMs, builtAt, "the layer was built again");

  const memory = join(data.state, "base-layers.json");
  t.deepEqual(Object.values(JSON.parse(readFileSync(memory, "utf8"))), [base]);
  writeFileSync(memory, "{ torn");
  t.deepEqual(await build(data), [guest, base]);

  execFileSync("rm", ["-r", join(data.layers, base)]);
  t.deepEqual(await build(data), [guest, base]);
});

test.serial("the base layers in use are never collected", async (t) => {
  const data = await dataDirectory(t);
  const digests = await build(data);
  for (let start = 0; start < 2; start++) {
    const store = await open(data);
    t.deepEqual(await ensureBaseLayers(store, { runtime: "node26", stateDir: data.state }), digests);
    t.deepEqual(await store.collect(new Set()), []);
    t.deepEqual(readdirSync(data.layers).sort(), digests.toSorted());
  }
});

interface DataDirectory {
  readonly layers: string;
  readonly staging: string;
  readonly state: string;
}

async function dataDirectory(t: ExecutionContext): Promise<DataDirectory> {
  const data = temporaryDirectory(t);
  const directories = { layers: join(data, "layers"), staging: join(data, "staging"), state: join(data, "state") };
  for (const each of Object.values(directories)) mkdirSync(each);
  // So that the program of another uid can be started in it.
  execFileSync("chmod", ["0755", data]);
  return directories;
}

async function open({ layers, staging }: DataDirectory): Promise<LayerStore> {
  return openLayerStore({ dir: layers, stagingDir: staging, durability: "none", unusedBytes: 0 });
}

async function build(data: DataDirectory): Promise<[string, string]> {
  const digests = await ensureBaseLayers(await open(data), { runtime: "node26", stateDir: data.state });
  const [guest, base] = digests;
  if (digests.length !== 2 || guest === undefined || base === undefined) throw new Error("there are two base layers");
  return [guest, base];
}
