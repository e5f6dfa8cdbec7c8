// The upload: an uncompressed tar of `tsfn.json` and `app/<files>`, the same bytes for the same bundle. unpack.ts is the
// other side and trusts none of it.

import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Pack, pack } from "tar-stream";
import { TsfnError } from "../errors.ts";
import type { BundleFile } from "./assets.ts";
import type { Bundle } from "./bundle.ts";

export const manifestEntry = "tsfn.json";
export const appPrefix = "app/";

/** `manifestText` is `FunctionSource.manifestText`. The stream fails with SOURCE_INVALID when an asset changes meanwhile. */
export function packFunction(bundle: Bundle, manifestText: string): Readable {
  const archive = pack();
  writeEntries(archive, bundle, manifestText).catch((error: Error) => archive.destroy(error));
  return Readable.from(archive, { objectMode: false });
}

async function writeEntries(archive: Pack, bundle: Bundle, manifestText: string): Promise<void> {
  const manifest = Buffer.from(manifestText);
  await writeEntry(archive, manifestEntry, { sizeBytes: manifest.length, executable: false, content: manifest });
  for (const file of bundle.files) await writeEntry(archive, `${appPrefix}${file.path}`, file);
  archive.finalize();
}

export interface PackageFile {
  readonly sizeBytes: number;
  readonly executable: boolean;
  /** Bytes, a file's path, or a stream of them. */
  readonly content: BundleFile["content"] | Readable;
}

/** `name` is the whole path in the archive. */
export async function writeEntry(archive: Pack, name: string, file: PackageFile): Promise<void> {
  const { content, sizeBytes, executable } = file;
  const header = { name, size: sizeBytes, mode: executable ? 0o755 : 0o644, mtime: new Date(0), type: "file" };
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const settle = (error?: Error | null) => (error ? reject(error) : resolve());
  if (typeof content !== "string" && !(content instanceof Readable)) {
    archive.entry(header, Buffer.from(content), settle);
    return promise;
  }
  const sink = archive.entry(header, settle);
  try {
    const stream = typeof content === "string" ? createReadStream(content) : content;
    await Promise.all([promise, pipeline(stream, sink)]);
  } catch (cause) {
    if (typeof content !== "string") throw cause;
    const message = `${content} cannot be packed: ${(cause as Error).message}`;
    throw new TsfnError("SOURCE_INVALID", message, { cause, hint: "It may have changed just now; try again" });
  }
}
