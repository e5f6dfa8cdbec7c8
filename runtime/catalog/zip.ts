// A zip archive, as Lambda's clients upload code, turned into a package: its files go below `app/` as they are, and a module
// of ours makes its handler the one that is called. Nothing is bundled. unpack.ts checks the result like any package.

import { Readable } from "node:stream";
import { pack } from "tar-stream";
import { type Entry, fromBufferPromise, type ZipFile } from "yauzl";
import { TsfnError } from "../errors.ts";
import { quote } from "./name.ts";
import { appPrefix, manifestEntry, writeEntry } from "./package.ts";
import { packageLimits } from "./package-limits.ts";

export interface ZipSource {
  readonly archive: Buffer;
  /** `file.export`, as Lambda names it: `index.handler`, `src/app.main`. null: the archive brings its own program. */
  readonly handler: string | null;
  /** Text of tsfn.json. */
  readonly manifestText: string;
}

const entryModule = "index.mjs";

/** As the upper half of the external attributes of an archive made on Unix. */
const fileTypeMask = 0o170000;
const symlinkType = 0o120000;

/** @throws TsfnError PACKAGE_INVALID; what is found later fails the stream */
export async function packZip(source: ZipSource): Promise<Readable> {
  const zip = await openZip(source.archive);
  const entries = await listEntries(zip);
  const names = new Set(entries.map(({ fileName }) => fileName));
  const bridge = source.handler === null ? null : bridgeModule(source.handler, names);
  const archive = pack();
  const write = async () => {
    const manifest = Buffer.from(source.manifestText);
    await writeEntry(archive, manifestEntry, { sizeBytes: manifest.length, executable: false, content: manifest });
    if (bridge !== null) {
      const content = Buffer.from(bridge);
      await writeEntry(archive, appPrefix + entryModule, { sizeBytes: content.length, executable: false, content });
    }
    for (const entry of entries) {
      const content = Readable.from(readEntry(zip, entry), { objectMode: false });
      const executable = (modeOf(entry) & 0o111) !== 0;
      await writeEntry(archive, appPrefix + entry.fileName, { sizeBytes: entry.uncompressedSize, executable, content });
    }
    archive.finalize();
  };
  write().catch((cause: Error) => archive.destroy(cause));
  return Readable.from(archive, { objectMode: false });
}

async function openZip(archive: Buffer): Promise<ZipFile> {
  try {
    // Its file names are checked by the library: nothing absolute, no "..", no backslash.
    return await fromBufferPromise(archive, { autoClose: false, strictFileNames: true });
  } catch (cause) {
    throw invalid((cause as Error).message, cause);
  }
}

async function listEntries(zip: ZipFile): Promise<Entry[]> {
  if (zip.entryCount > packageLimits.files) {
    throw invalid(`it has ${zip.entryCount} entries; wanted at most ${packageLimits.files}`);
  }
  const entries: Entry[] = [];
  let totalBytes = 0;
  try {
    for await (const entry of zip.eachEntry()) {
      if (entry.fileName.endsWith("/")) continue;
      if ((modeOf(entry) & fileTypeMask) === symlinkType) throw invalid(`its entry ${quote(entry.fileName)} is a link`);
      totalBytes += entry.uncompressedSize;
      if (totalBytes > packageLimits.totalBytes) throw invalid(`its files have over ${packageLimits.totalBytes} bytes`);
      entries.push(entry);
    }
  } catch (cause) {
    throw cause instanceof TsfnError ? cause : invalid((cause as Error).message, cause);
  }
  return entries;
}

/** Its size and its compression are checked by the library while it is read. */
async function* readEntry(zip: ZipFile, entry: Entry): AsyncGenerator<Buffer> {
  try {
    yield* await zip.openReadStreamPromise(entry);
  } catch (cause) {
    throw invalid(`${quote(entry.fileName)}: ${(cause as Error).message}`, cause);
  }
}

/** The text of index.mjs; null when the archive's own has the handler. */
function bridgeModule(handler: string, names: ReadonlySet<string>): string | null {
  const match = /^([\w./-]{1,200})\.([A-Za-z_$][\w$]{0,100})$/.exec(handler);
  if (match?.[1] === undefined) throw invalid(`its handler is ${quote(handler)}; wanted file.export, as index.handler`);
  const [, file, exported] = match;
  const found = [".mjs", ".js", ".cjs"].map((extension) => file + extension).find((name) => names.has(name));
  if (found === undefined) {
    throw invalid(`its handler is ${quote(handler)}, and it holds no ${file}.mjs, ${file}.js or ${file}.cjs`);
  }
  if (found === entryModule && exported === "handler") return null;
  if (names.has(entryModule)) {
    throw invalid(`its handler is ${quote(handler)}, and it holds an index.mjs besides; wanted index.handler`);
  }
  // A CommonJS module's exports are its default export, whatever names Node can tell beforehand.
  const [specifier, name] = [JSON.stringify(`./${found}`), JSON.stringify(exported)];
  return `const code = await import(${specifier});\nexport const handler = code[${name}] ?? code.default?.[${name}];\n`;
}

function modeOf({ externalFileAttributes }: Entry): number {
  return externalFileAttributes >>> 16;
}

function invalid(found: string, cause?: unknown): TsfnError {
  return new TsfnError("PACKAGE_INVALID", `the zip archive cannot be read: ${found}`, {
    cause,
    hint: "Upload a zip archive of a Lambda function",
  });
}
