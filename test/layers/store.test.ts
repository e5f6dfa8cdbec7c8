// The store of layers: the same content is the same layer, what is in the store is whole, and what nobody needs goes.

import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { type LayerStore, openLayerStore } from "../../runtime/layers/index.ts";
import { root } from "../architecture/tree.ts";
import { temporaryDirectory, writeSource } from "../support/function-directory.ts";
import { fill, smallDisk } from "../support/small-disk.ts";

test("the same content is the same layer, whatever its order, times, modes and umask", async (t) => {
  const { store, staging } = await emptyStore(t);
  const first = stage(staging, { "b/x.txt": "x", "a.txt": "a", "empty/": "" });
  const layer = await store.put(first);
  const umask = process.umask(0o077);
  t.teardown(() => process.umask(umask));
  const second = stage(staging, { "empty/": "", "a.txt": "a", "b/x.txt": "x" });
  chmodSync(join(second, "a.txt"), 0o600);
  utimesSync(join(second, "b"), 5, 5);
  const again = await store.put(second);
  t.is(again.digest, layer.digest);
  t.regex(layer.digest, /^[0-9a-f]{64}$/);
  t.deepEqual(readdirSync(staging), []);
  t.is(readFileSync(join(layer.path, "b/x.txt"), "utf8"), "x");
});

test("the digest of a tree is what it was in earlier releases", async (t) => {
  const { store, staging } = await emptyStore(t);
  const staged = stage(staging, { "app/index.mjs": "export default {}\n" });
  symlinkSync("index.mjs", join(staged, "app/link"));
  t.is((await store.put(staged)).digest, "66cdf201b0c747981dbf1925ee07d2e088ef0c7994cca18cfd95e5a257e9675e");
});

const base = { "a.txt": "a", "b/x.txt": "x" };
for (const [title, change] of [
  ["a byte", (dir: string) => writeFileSync(join(dir, "a.txt"), "b")],
  ["a byte more", (dir: string) => writeFileSync(join(dir, "a.txt"), "aa")],
  ["a name", (dir: string) => writeSource(dir, "c.txt", "")],
  ["an empty directory", (dir: string) => mkdirSync(join(dir, "c"))],
  ["an executable bit", (dir: string) => chmodSync(join(dir, "a.txt"), 0o755)],
  ["a link", (dir: string) => symlinkSync("a.txt", join(dir, "l"))],
] as const) {
  test(`${title} of difference makes another layer`, async (t) => {
    const { store, staging } = await emptyStore(t);
    const changed = stage(staging, base);
    change(changed);
    t.not((await store.put(changed)).digest, (await store.put(stage(staging, base))).digest);
    t.is(store.list().length, 2);
  });
}

test("two trees with the same digest are the same tree", async (t) => {
  const { store, staging } = await emptyStore(t);
  const name = fc.stringMatching(/^[ab"\\, \n]{1,3}$/).filter((text) => text.trim() !== "");
  const tree = fc.dictionary(name, fc.constantFrom("", "a", "b"), { minKeys: 1, maxKeys: 3, noNullPrototype: true });
  const claim = fc.assert(
    fc.asyncProperty(tree, tree, async (one, other) => {
      const [a, b] = [await store.put(stage(staging, one)), await store.put(stage(staging, other))];
      const same = JSON.stringify(Object.entries(one).sort()) === JSON.stringify(Object.entries(other).sort());
      return (a.digest === b.digest) === same;
    }),
    { numRuns: 50 },
  );
  await t.notThrowsAsync(claim);
});

test("what is stored is readable for every uid and bears no time", async (t) => {
  const { store, staging } = await emptyStore(t);
  const staged = stage(staging, { "d/a.txt": "a", "d/run.sh": "r" });
  chmodSync(join(staged, "d/run.sh"), 0o4700);
  const { path } = await store.put(staged);
  const modes = ["", "d", "d/a.txt", "d/run.sh"].map((name) => statSync(join(path, name)).mode & 0o7777);
  t.deepEqual(modes, [0o755, 0o755, 0o644, 0o755]);
  for (const name of ["", "d", "d/a.txt"]) t.is(lstatSync(join(path, name)).mtimeMs, 0, name);
});

test("many puts of the same content at once make one layer and leave nothing staged", async (t) => {
  const { store, staging, dir } = await emptyStore(t);
  const staged = Array.from({ length: 20 }, () => stage(staging, base));
  const layers = await Promise.all(staged.map((each) => store.put(each)));
  t.is(new Set(layers.map(({ digest }) => digest)).size, 1);
  t.is(readdirSync(dir).length, 1);
  t.deepEqual(readdirSync(staging), []);
});

test("puts and collections of the same content, mixed at random, never lose a layer that is held", async (t) => {
  const { store, staging, dir } = await emptyStore(t, 0);
  const rounds = Array.from({ length: 60 }, async (_, index) => {
    if (index % 3 === 0) await store.collect(new Set());
    const layer = await store.put(stage(staging, { "a.txt": String(index % 2) }));
    const isThere = existsSync(join(layer.path, "a.txt"));
    if (index % 2 === 0) await store.collect(new Set());
    const isStillThere = existsSync(join(layer.path, "a.txt"));
    layer.release();
    return isThere && isStillThere;
  });
  t.true((await Promise.all(rounds)).every(Boolean));
  await store.collect(new Set());
  t.deepEqual(readdirSync(dir), []);
  t.deepEqual(readdirSync(staging), []);
});

test("a tree with a pipe is refused, and what was staged is gone", async (t) => {
  const { store, staging, dir } = await emptyStore(t);
  const staged = stage(staging, base);
  await once(spawn("mkfifo", [join(staged, "pipe")]), "exit");
  await t.throwsAsync(store.put(staged), { message: /holds pipe, which is neither file, directory nor link/ });
  t.deepEqual([readdirSync(dir), readdirSync(staging)], [[], []]);
});

test("opening removes what a crash left, and finds the whole layers", async (t) => {
  const { store, staging, dir, options } = await emptyStore(t);
  const { digest } = await store.put(stage(staging, base));
  stage(staging, base);
  writeSource(staging, "loose", "");
  writeSource(dir, "not-a-digest/x", "");
  const reopened = await openLayerStore(options);
  t.deepEqual(readdirSync(staging), []);
  t.deepEqual(readdirSync(dir), [digest]);
  t.is(reopened.get(digest)?.path, join(dir, digest));
  t.is(reopened.get("0".repeat(64)), undefined);
});

test("a directory that is not there is told as unusable", async (t) => {
  const missing = join(temporaryDirectory(t), "missing");
  const opening = openLayerStore({ dir: missing, stagingDir: missing, durability: "none" });
  await t.throwsAsync(opening, { code: "DATA_DIR_UNUSABLE", message: /cannot be opened/ });
});

test("collecting keeps what is in use, what is held, and the most recently unused within the budget", async (t) => {
  const { store, staging } = await emptyStore(t, 2_500);
  const put = async (name: string) => {
    const layer = await store.put(stage(staging, { [name]: "x".repeat(1_000) }));
    return { ...layer, release: layer.release };
  };
  // Not in the order in which they fall out of use.
  const [newest, used, oldest, held, older] = [
    await put("1"),
    await put("2"),
    await put("3"),
    await put("4"),
    await put("5"),
  ];
  t.deepEqual(await store.collect(new Set()), [], "a layer is held until it is released");
  for (const { release } of [used, oldest]) release();
  t.deepEqual(await store.collect(new Set([used.digest])), []);
  older.release();
  t.deepEqual(await store.collect(new Set([used.digest])), []);
  newest.release();
  t.deepEqual(await store.collect(new Set([used.digest])), [oldest.digest]);
  t.is(store.get(oldest.digest), undefined);
  t.false(existsSync(oldest.path));
  t.true(existsSync(held.path));
  t.deepEqual(readdirSync(staging), []);
});

test("after kill -9 in the middle of storing, the store opens with whole layers only, eight times over", async (t) => {
  const { options, dir, staging } = await emptyStore(t);
  for (let round = 0; round < 8; round++) {
    await killWhileStoring(options, { layers: 1 + round, delayMs: round });
    const store = await openLayerStore(options);
    t.deepEqual(readdirSync(staging), []);
    for (const { digest, path } of store.list()) {
      t.is(readdirSync(join(path, "many")).length, 40, "a half layer");
      // Putting a copy of the content again must lead to the same digest.
      const copy = stage(staging, contentOf(path));
      t.is((await store.put(copy)).digest, digest);
    }
  }
  t.true(readdirSync(dir).length >= 36, "a layer that was acknowledged is missing");
});

test("on a full disk a put fails, leaves nothing, and the old layers stay whole", async (t) => {
  const disk = smallDisk(t, 512);
  for (const name of ["layers", "staging"]) mkdirSync(join(disk, name));
  const options = { dir: join(disk, "layers"), stagingDir: join(disk, "staging"), durability: "sync" as const };
  const store = await openLayerStore(options);
  const { digest, path } = await store.put(stage(options.stagingDir, base));
  const release = fill(disk);
  const building = store.build(async (staged) => writeFileSync(join(staged, "big"), Buffer.alloc(100_000)));
  await t.throwsAsync(building, { code: "DISK_FULL", message: /no room to store a layer/ });
  t.deepEqual([readdirSync(options.dir), readdirSync(options.stagingDir)], [[digest], []]);
  t.is(readFileSync(join(path, "a.txt"), "utf8"), "a");
  release();
  await t.notThrowsAsync(store.build(async (staged) => writeFileSync(join(staged, "big"), Buffer.alloc(100_000))));
});

async function emptyStore(t: ExecutionContext, unusedBytes = 1_000_000) {
  const data = temporaryDirectory(t);
  const [dir, staging] = [join(data, "layers"), join(data, "staging")];
  for (const each of [dir, staging]) mkdirSync(each);
  const options = { dir, stagingDir: staging, durability: "sync", unusedBytes } as const;
  const store: LayerStore = await openLayerStore(options);
  return { store, dir, staging, options };
}

/** A new tree in the staging directory. A path that ends in / is an empty directory. */
function stage(staging: string, files: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(staging, "test-"));
  for (const [path, content] of Object.entries(files)) {
    if (path.endsWith("/")) mkdirSync(join(dir, path));
    else writeSource(dir, path, content);
  }
  return dir;
}

function contentOf(path: string): Record<string, string> {
  const names = readdirSync(join(path, "many")).map((name) => `many/${name}`);
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(path, name), "utf8")]));
}

/** Stores layer after layer in another process, which dies `delayMs` after so many of them were acknowledged. */
async function killWhileStoring(options: object, { layers, delayMs }: { layers: number; delayMs: number }) {
  const program = `
    import { writeFileSync, mkdirSync } from "node:fs";
    import { openLayerStore } from ${JSON.stringify(join(root, "runtime/layers/index.ts"))};
    const store = await openLayerStore(${JSON.stringify(options)});
    for (let layer = 0; ; layer++) {
      await store.build(async (dir) => {
        mkdirSync(dir + "/many");
        for (let file = 0; file < 40; file++) writeFileSync(dir + "/many/" + file, process.pid + " " + layer);
      });
      console.log("stored");
    }
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  let told = 0;
  for await (const _ of createInterface({ input: child.stdout })) {
    if (++told === layers) setTimeout(() => child.kill("SIGKILL"), delayMs);
  }
  await exited;
}
