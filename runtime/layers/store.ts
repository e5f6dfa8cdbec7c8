// The store of layers: directory trees addressed by the sha256 of their content, each in <dir>/<digest>. What is in <dir>
// is whole: trees are built in the staging directory, synced, and renamed into place.

import { mkdtemp, open, readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { isErrno, TsfnError } from "../errors.ts";
import type { LayerDigest } from "../sandbox/index.ts";
import { type LayerTree, normalizeTree } from "./layer-tree.ts";
import { createShelf } from "./shelf.ts";

export interface LayerStoreOptions {
  /** Absolute and existing, as is `stagingDir`, on the same file system. */
  readonly dir: string;
  readonly stagingDir: string;
  readonly durability: "sync" | "none";
  /** Layers that nobody uses stay while they are within this budget, the longest unused going first. */
  readonly unusedBytes?: number;
}

export interface Layer {
  readonly digest: LayerDigest;
  /** The directory that is the layer's root. */
  readonly path: string;
}

/** Not collected before it is released: its owner does so once a record refers to it, or none will. */
export interface HeldLayer extends Layer {
  release(): void;
}

export interface LayerStore {
  /** Takes the tree over: afterwards `stagedDir` is gone, whether it succeeds or not. @throws TsfnError DISK_FULL */
  put(stagedDir: string): Promise<HeldLayer>;
  /** The same for a tree that `fill` makes in a fresh directory. */
  build(fill: (stagedDir: string) => Promise<void>): Promise<HeldLayer>;
  get(digest: LayerDigest): Layer | undefined;
  list(): readonly Layer[];
  /** Keeps a layer from being collected until the function returned is called. */
  hold(digest: LayerDigest): () => void;
  /** Removes layers that are neither in use nor held, beyond the budget; resolves to those removed. */
  collect(inUse: ReadonlySet<LayerDigest>): Promise<readonly LayerDigest[]>;
}

const digestPattern = /^[0-9a-f]{64}$/;
const defaultUnusedBytes = 256 * 2 ** 20;
/** Descriptors in flight while a tree is synced; more do not make a disk faster. */
const syncWidth = 32;

/** Removes what a crash left in the staging directory. @throws TsfnError DATA_DIR_UNUSABLE */
export async function openLayerStore(options: LayerStoreOptions): Promise<LayerStore> {
  const { dir, stagingDir, durability, unusedBytes = defaultUnusedBytes } = options;
  const layers = await usable(dir, async () => {
    await removeEntries(stagingDir, () => true);
    await removeEntries(dir, (name) => !digestPattern.test(name));
    return new Map((await readdir(dir)).map((digest) => [digest, { digest, path: join(dir, digest) } satisfies Layer]));
  });
  const shelf = createShelf(unusedBytes);
  const holds = createHolds();
  const removals = new Map<LayerDigest, Promise<void>>();

  const moveIn = async (stagedDir: string, tree: LayerTree): Promise<void> => {
    await removals.get(tree.digest);
    if (layers.has(tree.digest)) return;
    if (durability === "sync") await syncTree(tree);
    const path = join(dir, tree.digest);
    await renameUnlessThere(stagedDir, path);
    if (durability === "sync") await syncPath(dir);
    layers.set(tree.digest, { digest: tree.digest, path });
  };

  const put = async (stagedDir: string): Promise<HeldLayer> => {
    const tree = await normalizeTree(stagedDir);
    const release = holds.hold(tree.digest);
    try {
      await moveIn(stagedDir, tree);
      return { digest: tree.digest, path: join(dir, tree.digest), release };
    } catch (error) {
      release();
      throw error;
    }
  };

  const remove = async ({ digest, path }: Layer): Promise<void> => {
    layers.delete(digest);
    const removal = removeLayer(path, stagingDir).finally(() => removals.delete(digest));
    removals.set(digest, removal);
    await removal;
  };

  return {
    put: (stagedDir) => removing(stagedDir, () => orDiskFull(stagingDir, () => put(stagedDir))),
    build: (fill) =>
      orDiskFull(stagingDir, async () => {
        const stagedDir = await mkdtemp(join(stagingDir, "build-"));
        return removing(stagedDir, async () => {
          await fill(stagedDir);
          return put(stagedDir);
        });
      }),
    get: (digest) => layers.get(digest),
    list: () => [...layers.values()],
    hold: holds.hold,
    async collect(inUse) {
      const isUnused = ({ digest }: Layer) => !inUse.has(digest) && !holds.has(digest);
      const doomed = await shelf.choose([...layers.values()].filter(isUnused));
      // Asked again: a put of the same content may have come while the shelf looked at sizes.
      const removed = doomed.filter((layer) => isUnused(layer) && layers.has(layer.digest));
      await Promise.all(removed.map(remove));
      return removed.map(({ digest }) => digest);
    },
  };
}

/** Counted holds per layer. */
function createHolds() {
  const counts = new Map<LayerDigest, number>();
  return {
    has: (digest: LayerDigest) => counts.has(digest),
    hold(digest: LayerDigest) {
      counts.set(digest, (counts.get(digest) ?? 0) + 1);
      let isReleased = false;
      return () => {
        if (isReleased) return;
        isReleased = true;
        const left = (counts.get(digest) ?? 1) - 1;
        if (left === 0) counts.delete(digest);
        else counts.set(digest, left);
      };
    },
  };
}

async function syncTree({ paths }: LayerTree): Promise<void> {
  for (let start = 0; start < paths.length; start += syncWidth) {
    await Promise.all(paths.slice(start, start + syncWidth).map(syncPath));
  }
}

async function syncPath(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

async function renameUnlessThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    // Another put of the same content was quicker.
    if (!isErrno(error, "ENOTEMPTY") && !isErrno(error, "EEXIST")) throw error;
  }
}

// Through the staging directory, so that a crash in the middle leaves no half layer under a digest.
async function removeLayer(path: string, stagingDir: string): Promise<void> {
  const grave = await mkdtemp(join(stagingDir, "remove-"));
  await rename(path, join(grave, basename(path)));
  await rm(grave, { recursive: true, force: true });
}

async function removeEntries(dir: string, unwanted: (name: string) => boolean): Promise<void> {
  const names = (await readdir(dir)).filter(unwanted);
  await Promise.all(names.map((name) => rm(join(dir, name), { recursive: true, force: true })));
}

async function usable<Value>(dir: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (cause) {
    const message = `the layer store ${dir} cannot be opened: ${(cause as Error).message}`;
    throw new TsfnError("DATA_DIR_UNUSABLE", message, { cause });
  }
}

async function removing<Value>(dir: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function orDiskFull<Value>(stagingDir: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (cause) {
    if (!isErrno(cause, "ENOSPC") && !isErrno(cause, "EDQUOT")) throw cause;
    throw new TsfnError("DISK_FULL", `no room to store a layer in ${stagingDir}`, { cause });
  }
}
