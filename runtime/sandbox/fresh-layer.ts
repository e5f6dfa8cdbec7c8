// How many inodes a writable layer has left while nobody has written to it, found out with a sandbox that holds no process,
// so that no process can have a say in it.

import { randomBytes } from "node:crypto";
import type { LayerDigest, SandboxFactory, SandboxLimits } from "./sandbox.ts";

const limits: SandboxLimits = {
  memoryBytes: 64 * 2 ** 20,
  cpus: 1,
  pids: 16,
  diskBytes: 2 ** 20,
  diskInodes: 1_024,
  openFiles: 64,
};

export interface FreshLayer {
  /** Free inodes of a fresh layer of this limit; null where layers cannot be told from outside. */
  freeInodes(diskInodes: number): Promise<number | null>;
}

/** Makes one sandbox, when it is first asked. @param layers a root's, topmost first */
export function freshLayer(sandboxes: SandboxFactory, layers: readonly LayerDigest[]): FreshLayer {
  let surplus: Promise<number | null> | null = null;
  return {
    async freeInodes(diskInodes) {
      surplus ??= measure(sandboxes, layers).catch((thrown: unknown) => {
        surplus = null;
        throw thrown;
      });
      const found = await surplus;
      return found === null ? null : diskInodes + found;
    },
  };
}

/** The kernel decides what of the layer's own inodes its parts take: the same for every layer, whatever its limit. */
async function measure(sandboxes: SandboxFactory, layers: readonly LayerDigest[]): Promise<number | null> {
  if (!sandboxes.hasLayers) return null;
  const id = `fresh-${randomBytes(6).toString("hex")}`;
  const sandbox = await sandboxes.create({ id, hostname: "tsfn", layers, limits });
  try {
    return (await sandbox.usage()).layerFreeInodes - limits.diskInodes;
  } finally {
    await sandbox.destroy();
  }
}
