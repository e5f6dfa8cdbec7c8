// The base layers of a runtime: Node with the host's C libraries and what those expect to find (host-files.ts), and above
// it the guest. Building the first takes a second, so its digest is remembered by what it was made from.

import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { asTsfnError, isErrno } from "../errors.ts";
import { buildGuest } from "../guest/index.ts";
import type { LayerDigest } from "../sandbox/index.ts";
import { copyFiles, copyHostFiles, findGuestLibraries, findHostFiles, fingerprint } from "./host-files.ts";
import type { LayerStore } from "./store.ts";
import { systemFiles, writeSystemFiles } from "./system-files.ts";

export interface BaseLayerOptions {
  readonly runtime: "node26";
  /** Where base-layers.json is kept. */
  readonly stateDir: string;
}

/** Directories that every sandbox mounts over or gives to the function; a layer below cannot make them links. */
const mountPoints = ["app", "tmp", "proc", "dev", "run", "home"];

/** Topmost first. The layers are held in the store for good. @throws TsfnError DISK_FULL, INTERNAL */
export async function ensureBaseLayers(store: LayerStore, options: BaseLayerOptions): Promise<readonly LayerDigest[]> {
  try {
    return await Promise.all([ensureGuestLayer(store), ensureRuntimeLayer(store, options)]);
  } catch (error) {
    throw asTsfnError(error);
  }
}

// Small and quick, so it is put anew at every start; the store knows whether it has it.
async function ensureGuestLayer(store: LayerStore): Promise<LayerDigest> {
  const native = findGuestLibraries();
  const { guest, zygote } = await buildGuest();
  const layer = await store.build(async (root) => {
    for (const name of mountPoints) await mkdir(join(root, name));
    await mkdir(join(root, "opt/tsfn"), { recursive: true });
    await writeFile(join(root, "opt/tsfn/guest.mjs"), guest);
    await writeFile(join(root, "opt/tsfn/zygote.mjs"), zygote);
    await copyFiles(native, root);
  });
  return layer.digest;
}

async function ensureRuntimeLayer(store: LayerStore, options: BaseLayerOptions): Promise<LayerDigest> {
  const files = await findHostFiles(options.runtime);
  const memory = join(options.stateDir, "base-layers.json");
  const key = `${options.runtime} ${await fingerprint(files, JSON.stringify([...systemFiles]))}`;
  const remembered = (await readMemory(memory)).get(key);
  if (remembered !== undefined && store.get(remembered) !== undefined) {
    store.hold(remembered);
    return remembered;
  }
  const { digest } = await store.build(async (root) => {
    await writeSystemFiles(root);
    await copyHostFiles(files, root);
  });
  await writeMemory(memory, new Map([[key, digest]]));
  return digest;
}

// Only a memory: when it is lost or damaged, the layer is built again.
async function readMemory(path: string): Promise<Map<string, LayerDigest>> {
  const text = await readFile(path, "utf8").catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return "{}";
    throw error;
  });
  return new Map(Object.entries(parseOrEmpty(text)).filter(([, digest]) => typeof digest === "string"));
}

function parseOrEmpty(text: string): Record<string, LayerDigest> {
  try {
    return Object(JSON.parse(text)) as Record<string, LayerDigest>;
  } catch {
    // A power loss may have torn it.
    return {};
  }
}

async function writeMemory(path: string, memory: ReadonlyMap<string, LayerDigest>): Promise<void> {
  const aside = `${path}.new`;
  await writeFile(aside, `${JSON.stringify(Object.fromEntries(memory), null, 2)}\n`);
  await rename(aside, path);
}
