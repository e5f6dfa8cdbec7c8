// What arrives as a package is hostile until it is unpacked: only regular files and directories below `app/`, within the
// limits, created one by one in a directory that nobody else writes to. Nothing stays behind when it fails.

import { constants } from "node:fs";
import { mkdir, mkdtemp, open, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { isErrno, TsfnError } from "../errors.ts";
import { type ArchiveEntry, readArchive } from "./archive.ts";
import { maxManifestBytes, parseManifest } from "./manifest.ts";
import { quote } from "./name.ts";
import { appPrefix, manifestEntry } from "./package.ts";
import { packageLimits, pathProblem } from "./package-limits.ts";
import { entryOf, type Manifest } from "./version.ts";

export interface UnpackedPackage {
  readonly manifest: Manifest;
  /** A fresh directory below the staging directory; its content is the root of the function layer. */
  readonly stagedDir: string;
  /** Sum of the files. */
  readonly sizeBytes: number;
  /** Removes `stagedDir` if it is still there. */
  discard(): Promise<void>;
}

/** The stream is read to its end or left as it is; never destroyed. @throws TsfnError PACKAGE_INVALID, MANIFEST_INVALID, DISK_FULL */
export async function unpackFunction(stream: Readable, stagingDir: string): Promise<UnpackedPackage> {
  // Until it is read, nobody else listens, and an error without a listener ends the process. Reading finds it again.
  stream.on("error", () => undefined);
  try {
    return await unpackInto(await mkdtemp(join(stagingDir, "unpack-")), stream);
  } catch (cause) {
    if (!isErrno(cause, "ENOSPC") && !isErrno(cause, "EDQUOT")) throw cause;
    throw new TsfnError("DISK_FULL", `no room to unpack the package in ${stagingDir}`, { cause });
  }
}

async function unpackInto(stagedDir: string, stream: Readable): Promise<UnpackedPackage> {
  const discard = () => rm(stagedDir, { recursive: true, force: true });
  try {
    const unpacking = startUnpacking(stagedDir);
    await mkdir(join(stagedDir, "app"));
    await readArchive(stream, (entry) => unpackEntry(unpacking, entry));
    const { manifestText, sizeBytes, kinds, executables } = unpacking;
    if (manifestText === null) throw invalid(`it holds no ${manifestEntry}`);
    const manifest = parseManifest(manifestText, manifestEntry, {});
    const entry = appPrefix + entryOf(manifest.runtime);
    if (kinds.get(entry) !== "file") throw invalid(`it holds no ${entry}`);
    if (manifest.runtime === "provided" && !executables.has(entry)) {
      throw invalid(`its ${entry} has mode 0644; wanted an executable file, as after chmod +x`);
    }
    return { manifest, stagedDir, sizeBytes, discard };
  } catch (error) {
    await discard();
    throw error;
  }
}

interface Unpacking {
  readonly stagedDir: string;
  /** Every path made so far. */
  readonly kinds: Map<string, "file" | "directory">;
  readonly executables: Set<string>;
  sizeBytes: number;
  manifestText: string | null;
}

function startUnpacking(stagedDir: string): Unpacking {
  const kinds: Unpacking["kinds"] = new Map([".", "app"].map((path) => [path, "directory"]));
  return { stagedDir, kinds, executables: new Set(), sizeBytes: 0, manifestText: null };
}

async function unpackEntry(unpacking: Unpacking, entry: ArchiveEntry): Promise<void> {
  const { type, size } = entry;
  const path = type === "directory" ? entry.name.replace(/\/$/, "") : entry.name;
  const problem = pathProblem(path) ?? (type === "file" || type === "directory" ? undefined : `is a ${type}`);
  if (problem !== undefined) throw invalid(`its entry ${quote(path)} ${problem}`);
  if (path !== manifestEntry && path !== "app" && !path.startsWith(appPrefix)) {
    throw invalid(`its entry ${quote(path)} is neither ${manifestEntry} nor below ${appPrefix}`);
  }
  unpacking.sizeBytes += size;
  if (!(unpacking.sizeBytes <= packageLimits.totalBytes)) {
    throw invalid(`its files have more than ${packageLimits.totalBytes} bytes`);
  }
  if (path === manifestEntry) return unpackManifest(unpacking, entry);
  if (type === "directory") return makeDirectory(unpacking, path);
  await makeDirectory(unpacking, dirname(path));
  claim(unpacking, path, "file");
  if (isExecutable(entry)) unpacking.executables.add(path);
  await writeFile(join(unpacking.stagedDir, path), entry);
}

async function unpackManifest(unpacking: Unpacking, entry: ArchiveEntry): Promise<void> {
  if (entry.type !== "file") throw invalid(`its entry ${manifestEntry} is a ${entry.type}`);
  claim(unpacking, manifestEntry, "file");
  if (entry.size > maxManifestBytes) throw invalid(`its ${manifestEntry} has ${entry.size} bytes`);
  const chunks: Buffer[] = [];
  for await (const chunk of entry.content) chunks.push(chunk);
  unpacking.manifestText = Buffer.concat(chunks).toString();
  unpacking.sizeBytes -= entry.size;
}

/** Makes a directory and those above it. */
async function makeDirectory(unpacking: Unpacking, path: string): Promise<void> {
  if (unpacking.kinds.get(path) === "directory") return;
  await makeDirectory(unpacking, dirname(path));
  claim(unpacking, path, "directory");
  await mkdir(join(unpacking.stagedDir, path), 0o755);
}

function claim({ kinds }: Unpacking, path: string, kind: "file" | "directory"): void {
  const existing = kinds.get(path);
  if (existing === kind) throw invalid(`its entry ${quote(path)} is there twice`);
  if (existing !== undefined) throw invalid(`its entry ${quote(path)} is both a file and a directory`);
  kinds.set(path, kind);
  if (kinds.size > packageLimits.files + 2) throw invalid(`it has more than ${packageLimits.files} entries`);
}

function isExecutable({ mode }: ArchiveEntry): boolean {
  return (mode & 0o111) !== 0;
}

const createFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

async function writeFile(path: string, entry: ArchiveEntry): Promise<void> {
  const mode = isExecutable(entry) ? 0o755 : 0o644;
  const file = await open(path, createFlags, mode);
  try {
    // The umask of whoever started us must not decide.
    await file.chmod(mode);
    for await (const chunk of entry.content) await file.writeFile(chunk);
  } finally {
    await file.close();
  }
}

function invalid(found: string): TsfnError {
  return new TsfnError("PACKAGE_INVALID", `the package cannot be unpacked: ${found}`);
}
