// Makes the directories a server needs, as root and before anything is started: the data directory (root's, with parts
// that belong to tsfnd) and the one of the admin socket. What is not ours is never given away; it is refused.

import { chmod, chown, lstat, mkdir, readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Settings } from "../../../runtime/config.ts";
import { isErrno, TsfnError } from "../../../runtime/errors.ts";
import { makeDirectory } from "../make-directory.ts";
import { type Identity, identify } from "./identity.ts";
import { type Made, removeMade } from "./made.ts";

export interface Prepared extends Identity {
  readonly settings: Settings;
  readonly runDir: string;
  /** To be removed when the server does not start. */
  readonly made: Made;
}

/** The parts of a data directory that tsfnd writes. */
const ownParts = ["layers", "staging", "logs", "state"];

/** `sun_path` of unix(7) less its NUL. */
const longestSocketPath = 107;

export function requireRoot(action: string): void {
  const uid = process.geteuid?.();
  if (uid === 0) return;
  throw new TsfnError("NOT_ROOT", `${action} makes namespaces and cgroups, which needs uid 0; this is uid ${uid}`, {
    hint: `Run it with sudo: sudo tsfn ${process.argv.slice(2).join(" ")}`,
  });
}

/** @throws TsfnError DATA_DIR_UNUSABLE, NOT_ALLOWED or USAGE; then nothing is left of what was made. */
export async function prepareDirectories(settings: Settings): Promise<Prepared> {
  if (Buffer.byteLength(settings.adminSocket) > longestSocketPath) {
    const wanted = `a path of at most ${longestSocketPath} bytes`;
    throw new TsfnError("USAGE", `--admin is "${settings.adminSocket}"; wanted ${wanted}`);
  }
  const made: Made = { directories: [], filled: null };
  try {
    return await prepareInto(made, settings);
  } catch (thrown) {
    await removeMade(made, thrown);
    throw thrown;
  }
}

async function prepareInto(made: Made, settings: Settings): Promise<Prepared> {
  const dataDir = await prepareDataDir(settings.dataDir, made);
  const identity = await identify(dataDir);
  await requirePassage(dataDir, identity.uid, (detail, hint) => unusable(dataDir, detail, { hint }));
  for (const part of ownParts) await makeOwned(join(dataDir, part), identity, 0o700);
  const runDir = await prepareRunDir(settings.adminSocket, identity, made);
  return { ...identity, settings: { ...settings, dataDir }, runDir, made };
}

async function prepareDataDir(path: string, made: Made): Promise<string> {
  try {
    if (await makeDirectory(path, made.directories)) await chmod(path, 0o711);
  } catch (cause) {
    throw unusable(path, (cause as Error).message, { cause });
  }
  const dataDir = await realpath(path);
  const { uid, mode } = await stat(dataDir);
  const entries = (await readdir(dataDir)).filter((name) => name !== "lost+found");
  if (entries.length > 0 && !entries.includes("layers") && !entries.includes("warden")) {
    throw unusable(dataDir, `it holds other things, such as ${entries[0]}; wanted an empty directory`);
  }
  if (entries.length === 0) made.filled = dataDir;
  if (uid !== 0) {
    if (entries.length > 0) {
      throw unusable(dataDir, `it belongs to uid ${uid}; wanted 0`, { hint: `Run: sudo chown root: ${dataDir}` });
    }
    await chown(dataDir, 0, 0);
  }
  if ((mode & 0o7777) !== 0o711) await chmod(dataDir, 0o711);
  return dataDir;
}

/** tsfnd runs without privileges: every directory above must let it pass. */
async function requirePassage(
  path: string,
  uid: number,
  refuse: (detail: string, hint: string) => TsfnError,
): Promise<void> {
  for (let parent = dirname(path); parent !== "/"; parent = dirname(parent)) {
    const { mode, uid: owner } = await stat(parent);
    if ((mode & 0o001) !== 0 || (owner === uid && (mode & 0o100) !== 0)) continue;
    const found = `${parent} has mode ${(mode & 0o7777).toString(8).padStart(4, "0")}`;
    const hint = `Choose another place, or run: chmod o+x ${parent}`;
    throw refuse(`${found}; wanted one that the server's user (uid ${uid}) may pass`, hint);
  }
}

async function makeOwned(path: string, { uid, gid }: Identity, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (cause) {
    if (!isErrno(cause, "EEXIST")) throw unusable(path, (cause as Error).message, { cause });
    const found = await lstat(path);
    if (!found.isDirectory()) throw unusable(path, "it is no directory");
    if (found.uid === uid) return;
    if (found.uid !== 0) throw unusable(path, `it belongs to uid ${found.uid}; wanted ${uid}`);
  }
  await chown(path, uid, gid);
  await chmod(path, mode);
}

/** Only a directory that we made, or that holds nothing but our own socket, is given to tsfnd. */
async function prepareRunDir(adminSocket: string, identity: Identity, made: Made): Promise<string> {
  const { uid, gid } = identity;
  const runDir = dirname(adminSocket);
  const isNew = await makeDirectory(runDir, made.directories).catch((cause: Error) => {
    throw socketRefused(adminSocket, cause.message);
  });
  const { uid: owner, mode } = await stat(runDir);
  await requirePassage(runDir, uid, (detail, hint) => socketRefused(adminSocket, detail, hint));
  if (owner === uid || (mode & 0o002) !== 0) return runDir;
  const others = (await readdir(runDir)).filter((name) => name !== basename(adminSocket));
  if (!isNew && (others.length > 0 || isSystemDirectory(runDir))) {
    const found = `${runDir} belongs to uid ${owner}`;
    throw socketRefused(adminSocket, `${found}; wanted a directory of the server's user (uid ${uid})`);
  }
  await chown(runDir, uid, gid);
  await chmod(runDir, 0o755);
  return runDir;
}

function isSystemDirectory(path: string): boolean {
  return path === "/" || dirname(path) === "/";
}

function socketRefused(
  adminSocket: string,
  detail: string,
  hint = "Choose a directory that does not exist yet with --admin",
): TsfnError {
  return new TsfnError("NOT_ALLOWED", `the admin socket cannot be made at ${adminSocket}: ${detail}`, { hint });
}

function unusable(path: string, detail: string, fields: { hint?: string; cause?: unknown } = {}): TsfnError {
  return new TsfnError("DATA_DIR_UNUSABLE", `${path}: ${detail}`, fields);
}
