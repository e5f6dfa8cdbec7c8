// Reads a tar stream entry by entry: tar-stream parses, this file feeds it, bounds it and brings every way of failing
// to one promise. What an entry may be is decided in unpack.ts.

import type { Readable } from "node:stream";
import { type Extract, extract, type Header } from "tar-stream";
import { TsfnError } from "../errors.ts";
import { packageLimits } from "./package-limits.ts";

export interface ArchiveEntry {
  readonly name: string;
  /** `file`, `directory`, `symlink`, `character-device` … */
  readonly type: string;
  readonly size: number;
  readonly mode: number;
  readonly content: AsyncIterable<Buffer>;
}

const headerBytes = 512;
const endBytes = 2 * headerBytes;
/** A long path takes two more headers; the rest is what the archiver pads with. */
const maxArchiveBytes = packageLimits.totalBytes + packageLimits.files * 8 * headerBytes + 2 ** 20;

/** Entries are handled one after another. When it rejects, no handler runs any more. */
export async function readArchive(stream: Readable, onEntry: (entry: ArchiveEntry) => Promise<void>): Promise<void> {
  const parser = extract();
  let handling: Promise<void> = Promise.resolve();
  const { promise: parsed, resolve, reject } = Promise.withResolvers<void>();
  parser.on("finish", resolve);
  parser.on("error", (error: Error) => reject(unreadable(error)));
  parser.on("entry", (header, content, next) => {
    content.on("error", reject);
    handling = onEntry(toEntry(header, content)).then(
      () => {
        // What the handler did not read.
        content.resume();
        next();
      },
      (error: Error) => reject(error),
    );
  });
  try {
    await Promise.all([feed(stream, parser, parsed), parsed]);
  } finally {
    parser.destroy();
    await handling;
  }
}

// Not pipeline(): the stream is often a request, which must outlive a refusal so that the refusal can be answered.
async function feed(stream: Readable, parser: Extract, parsed: Promise<void>): Promise<void> {
  const chunks = stream.iterator({ destroyOnReturn: false });
  let bytes = 0;
  let tail = Buffer.alloc(0);
  for (;;) {
    const next = await Promise.race([nextChunk(chunks), parsed]);
    if (next === undefined) break;
    bytes += next.length;
    if (bytes > maxArchiveBytes)
      throw new TsfnError("PACKAGE_INVALID", `the package has over ${maxArchiveBytes} bytes`);
    tail = Buffer.concat([tail, next.subarray(-endBytes)]).subarray(-endBytes);
    if (!parser.write(next)) await Promise.race([drained(parser), parsed]);
  }
  if (tail.length < endBytes || tail.some((byte) => byte !== 0)) throw unreadable(new Error("its end is missing"));
  parser.end();
}

async function nextChunk(chunks: AsyncIterator<Buffer>): Promise<Buffer | undefined> {
  try {
    const { done, value } = await chunks.next();
    return done ? undefined : value;
  } catch (cause) {
    if (cause instanceof TsfnError) throw cause;
    throw new TsfnError("CLIENT_CLOSED", "the upload ended before the package was complete", { cause });
  }
}

function drained(parser: Extract): Promise<void> {
  return new Promise((resolve) => {
    parser.once("drain", resolve);
  });
}

function toEntry(header: Header, content: Readable): ArchiveEntry {
  const { name, size, mode } = header;
  return { name, type: header.type ?? "entry of an unknown type", size, mode, content };
}

function unreadable(cause: Error): TsfnError {
  return new TsfnError("PACKAGE_INVALID", `the package is not a whole tar archive: ${cause.message}`, { cause });
}
