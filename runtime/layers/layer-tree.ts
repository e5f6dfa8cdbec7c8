// The content of a layer as one digest: sha256 over its sorted entries with type, path, mode, size and content. On the
// way the tree is made the same everywhere: modes 0755 or 0644, times zero. store.ts keeps such trees.

import { createHash } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { chmod, type FileHandle, lstat, lutimes, open, readdir, readlink } from "node:fs/promises";
import { join } from "node:path";
import type { LayerDigest } from "../sandbox/index.ts";

export interface LayerTree {
  readonly digest: LayerDigest;
  /** Sum of the files. */
  readonly sizeBytes: number;
  /** Regular files, then directories from the deepest up, the root last: the order in which to sync them. */
  readonly paths: readonly string[];
}

/** Normalises a tree and computes its digest. @throws Error when it holds a device, socket or pipe */
export async function normalizeTree(root: string): Promise<LayerTree> {
  const walk: Walk = { root, lines: [], files: [], directories: [], sizeBytes: 0 };
  await walkDirectory(walk, "");
  const digest = createHash("sha256").update(walk.lines.sort().join("\n")).digest("hex");
  return { digest, sizeBytes: walk.sizeBytes, paths: [...walk.files, ...walk.directories] };
}

interface Walk {
  readonly root: string;
  readonly lines: string[];
  readonly files: string[];
  readonly directories: string[];
  sizeBytes: number;
}

async function walkDirectory(walk: Walk, path: string): Promise<void> {
  const directory = join(walk.root, path);
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const inner = path === "" ? entry.name : `${path}/${entry.name}`;
    if (entry.isDirectory()) await walkDirectory(walk, inner);
    else await addLeaf(walk, inner);
  }
  // After its entries, which change its time.
  await lutimes(directory, 0, 0);
  walk.directories.push(directory);
  walk.lines.push(line("directory", path, "755"));
}

async function addLeaf(walk: Walk, path: string): Promise<void> {
  const absolute = join(walk.root, path);
  const stats = await lstat(absolute);
  if (stats.isSymbolicLink()) {
    await lutimes(absolute, 0, 0);
    walk.lines.push(line("link", path, "777", await readlink(absolute)));
    return;
  }
  if (!stats.isFile()) throw new Error(`a layer holds ${path}, which is neither file, directory nor link`);
  await addFile(walk, path, stats);
}

async function addFile(walk: Walk, path: string, stats: Stats): Promise<void> {
  const absolute = join(walk.root, path);
  const mode = (stats.mode & 0o111) === 0 ? 0o644 : 0o755;
  const file = await open(absolute, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    if ((stats.mode & 0o7777) !== mode) await file.chmod(mode);
    const hash = await hashFile(file, stats.size);
    await file.utimes(0, 0);
    walk.lines.push(line("file", path, mode.toString(8), String(stats.size), hash));
  } finally {
    await file.close();
  }
  walk.files.push(absolute);
  walk.sizeBytes += stats.size;
}

const chunkBytes = 2 ** 20;

async function hashFile(file: FileHandle, sizeBytes: number): Promise<string> {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(Math.min(chunkBytes, sizeBytes + 1));
  let total = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, total);
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
    total += bytesRead;
  }
  if (total !== sizeBytes) throw new Error(`a file changed while it was stored: ${total} bytes, not ${sizeBytes}`);
  return hash.digest("hex");
}

// JSON, so that no path can imitate the end of a field.
function line(...fields: readonly string[]): string {
  return JSON.stringify(fields);
}
