// Which unused layers stay: the shelf remembers since when each is unused and keeps the most recent within a budget of
// bytes, so that a redeploy of yesterday's code finds its layer. store.ts asks it and does the removing.

import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { LRUCache } from "lru-cache";
import type { LayerDigest } from "../sandbox/index.ts";

interface ShelvedLayer {
  readonly digest: LayerDigest;
  readonly path: string;
}

export interface Shelf {
  /** `unused` is all that nobody uses now; returns those to remove. What is missing from `unused` is in use again. */
  choose<Unused extends ShelvedLayer>(unused: readonly Unused[]): Promise<readonly Unused[]>;
}

export function createShelf(budgetBytes: number): Shelf {
  const shelved = new LRUCache<LayerDigest, number>({
    maxSize: Math.max(1, budgetBytes),
    // lru-cache wants sizes and budgets above zero.
    sizeCalculation: (sizeBytes) => sizeBytes + 1,
  });
  return {
    async choose(unused) {
      const names = new Set(unused.map(({ digest }) => digest));
      for (const digest of [...shelved.keys()]) {
        if (!names.has(digest)) shelved.delete(digest);
      }
      // Chosen first: one that a newer layer pushes off the shelf must not be put back as if it were new.
      const fresh = unused.filter(({ digest }) => !shelved.has(digest));
      for (const { digest, path } of fresh) shelved.set(digest, await sizeOf(path));
      return unused.filter(({ digest }) => !shelved.has(digest));
    },
  };
}

async function sizeOf(path: string): Promise<number> {
  const stats = await lstat(path);
  if (!stats.isDirectory()) return stats.size;
  const sizes = await Promise.all((await readdir(path)).map((name) => sizeOf(join(path, name))));
  return sizes.reduce((sum, size) => sum + size, 0);
}
