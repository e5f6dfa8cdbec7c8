// The base layers: what a program inside finds, that they are the same every time, and that they are built once.

import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { NodeName } from "../../runtime/catalog/index.ts";
import { createBaseLayers, type LayerStore, openLayerStore } from "../../runtime/layers/index.ts";
import { temporaryDirectory } from "../support/function-directory.ts";

for (const node of ["node26", "node24"] as const) {
  test.serial(`the base layers run ${node} and hold the guest, whose digest and theirs do not change`, async (t) => {
    const first = await dataDirectory(t);
    const [guest, base] = await build(first, node);
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
    t.true(told.version.startsWith(`v${node.slice("node".length)}.`), told.version);
    t.true(["127.0.0.1", "::1"].includes(told.address));

    const second = await dataDirectory(t);
    t.deepEqual(await build(second, node), [guest, base]);
  });
}

test.serial("each Node has a layer of its own, which later starts take, and they share the guest", async (t) => {
  const data = await dataDirectory(t);
  const layers = createBaseLayers(await open(data), data.state);
  const both = await Promise.all([layers.of("node26"), layers.of("node24")]);
  t.is(both[0][0], both[1][0]);
  t.not(both[0][1], both[1][1]);
  t.is(await layers.of("node24"), both[1], "they are made once");
  const builtAt = statSync(join(data.layers, both[1][1] ?? "")).ctimeMs;
  t.deepEqual([await build(data, "node24"), await build(data, "node26")], [both[1], both[0]]);
  t.is(statSync(join(data.layers, both[1][1] ?? "")).ctimeMs, builtAt, "the layer was built again");
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
    t.deepEqual(await createBaseLayers(store, data.state).of("node26"), digests);
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

async function build(data: DataDirectory, node: NodeName = "node26"): Promise<[string, string]> {
  const digests = await createBaseLayers(await open(data), data.state).of(node);
  const [guest, base] = digests;
  if (digests.length !== 2 || guest === undefined || base === undefined) throw new Error("there are two base layers");
  return [guest, base];
}
