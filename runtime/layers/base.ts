// The base layers of a runtime: Node with the host's C libraries and what those expect to find (host-files.ts), and above
// it the guest. Building the first takes a second, so its digest is remembered by what it was made from.

import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { NodeName } from "../catalog/index.ts";
import { asTsfnError, isErrno } from "../errors.ts";
import { buildGuest } from "../guest/index.ts";
import type { LayerDigest } from "../sandbox/index.ts";
import { copyFiles, copyHostFiles, findGuestLibraries, findHostFiles, fingerprint } from "./host-files.ts";
import type { LayerStore } from "./store.ts";
import { systemFiles, writeSystemFiles } from "./system-files.ts";

/** Below every version's own layer, one set for each Node. */
export interface BaseLayers {
  /**
   * Topmost first. Built when they are first wanted, and held in the store from then on.
   * @throws TsfnError RUNTIME_NOT_INSTALLED, DISK_FULL, INTERNAL
   */
  of(node: NodeName): Promise<readonly LayerDigest[]>;
}

/** Directories that every sandbox mounts over or gives to the function; a layer below cannot make them links. */
const mountPoints = ["app", "tmp", "proc", "dev", "run", "home"];

/** @param stateDir where base-layers.json is kept */
export function createBaseLayers(store: LayerStore, stateDir: string): BaseLayers {
  const path = join(stateDir, "base-layers.json");
  const memory = onceEach(readMemory);
  // Nothing of it depends on the Node.
  const guest = onceEach(ensureGuestLayer);
  const of = onceEach((node: NodeName) => {
    const runtime = memory(path).then((remembered) => ensureRuntimeLayer(store, node, { path, remembered }));
    return Promise.all([guest(store), runtime]).catch((error: unknown) => {
      throw asTsfnError(error);
    });
  });
  return { of };
}

/** Makes one value for each key, and tries again after a failure. */
function onceEach<Key, Value>(make: (key: Key) => Promise<Value>): (key: Key) => Promise<Value> {
  const made = new Map<Key, Promise<Value>>();
  return (key) => {
    const known = made.get(key);
    if (known !== undefined) return known;
    const making = make(key);
    made.set(key, making);
    making.catch(() => made.delete(key));
    return making;
  };
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

/** Which layers were made of what, `<node> <fingerprint>` → digest. */
interface Memory {
  readonly path: string;
  readonly remembered: Map<string, LayerDigest>;
}

async function ensureRuntimeLayer(store: LayerStore, node: NodeName, memory: Memory): Promise<LayerDigest> {
  const files = await findHostFiles(node);
  const { path, remembered } = memory;
  const key = `${node} ${await fingerprint(files, JSON.stringify([...systemFiles]))}`;
  const known = remembered.get(key);
  if (known !== undefined && store.get(known) !== undefined) {
    store.hold(known);
    return known;
  }
  const { digest } = await store.build(async (root) => {
    await writeSystemFiles(root);
    await copyHostFiles(files, root);
  });
  for (const other of [...remembered.keys()]) if (other.startsWith(`${node} `)) remembered.delete(other);
  remembered.set(key, digest);
  await writeMemory(path, node, remembered);
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

async function writeMemory(path: string, node: NodeName, memory: ReadonlyMap<string, LayerDigest>): Promise<void> {
  const aside = `${path}.${node}`;
  await writeFile(aside, `${JSON.stringify(Object.fromEntries(memory), null, 2)}\n`);
  await rename(aside, path);
}
