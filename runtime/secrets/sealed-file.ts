// A file whose content only the holder of a key can read or change: AES-256-GCM, a new nonce with every write, the key in a
// file of its own, both for their owner alone. A copy of the sealed file without the key is worth nothing.

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { isErrno, TsfnError } from "../errors.ts";

export interface SealedFile {
  /** null: it has never been written. */
  readonly content: string | null;
  /** Whole or not at all, and on disk when it resolves. */
  write(content: string): Promise<void>;
}

const algorithm = "aes-256-gcm";
const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
/** The format, in front of the rest and authenticated with it. */
const magic = Buffer.from("tsfn sealed 1\n");

/** @throws TsfnError DATA_DIR_UNUSABLE for a file that the key does not open */
export async function openSealedFile(path: string, keyPath: string): Promise<SealedFile> {
  const sealed = await readOrNull(path);
  const key = await readKey(keyPath, sealed !== null);
  return {
    content: sealed === null ? null : unseal(path, key, sealed),
    write: (content) => replace(path, seal(key, content)),
  };
}

async function readKey(path: string, mustExist: boolean): Promise<Buffer> {
  const found = await readOrNull(path);
  if (found?.length === keyBytes) return found;
  if (found !== null || mustExist) {
    const what = found === null ? "is missing" : `has ${found.length} bytes; wanted ${keyBytes}`;
    throw unusable(path, `the key ${what}`);
  }
  const key = randomBytes(keyBytes);
  await replace(path, key);
  return key;
}

function seal(key: Buffer, content: string): Buffer {
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes }).setAAD(magic);
  return Buffer.concat([magic, nonce, cipher.update(content, "utf8"), cipher.final(), cipher.getAuthTag()]);
}

function unseal(path: string, key: Buffer, sealed: Buffer): string {
  const body = sealed.subarray(magic.length + nonceBytes, -tagBytes);
  if (!sealed.subarray(0, magic.length).equals(magic) || sealed.length < magic.length + nonceBytes + tagBytes) {
    throw unusable(path, "it is no sealed file");
  }
  const nonce = sealed.subarray(magic.length, magic.length + nonceBytes);
  const decipher = createDecipheriv(algorithm, key, nonce, { authTagLength: tagBytes }).setAAD(magic);
  decipher.setAuthTag(sealed.subarray(-tagBytes));
  try {
    return Buffer.concat([decipher.update(body), decipher.final()]).toString("utf8");
  } catch (cause) {
    throw unusable(path, "the key does not open it, or it was changed", cause);
  }
}

async function replace(path: string, bytes: Uint8Array): Promise<void> {
  const next = `${path}.new`;
  await writeThrough(next, bytes);
  await rename(next, path);
  // The name is only as durable as its directory.
  await using directory = await open(dirname(path), "r");
  await directory.sync();
}

async function writeThrough(path: string, bytes: Uint8Array): Promise<void> {
  await using file = await open(path, "w", 0o600);
  await file.chmod(0o600);
  await file.writeFile(bytes);
  await file.sync();
}

async function readOrNull(path: string): Promise<Buffer | null> {
  try {
    return await readFile(path);
  } catch (cause) {
    if (isErrno(cause, "ENOENT")) return null;
    throw unusable(path, (cause as Error).message, cause);
  }
}

function unusable(path: string, why: string, cause?: unknown): TsfnError {
  return new TsfnError("DATA_DIR_UNUSABLE", `${path} cannot be used: ${why}`, {
    cause,
    hint: "Restore both the file and its key from a backup, or remove both to begin without secrets",
  });
}
