// Whose the directory of a `tsfn dev` is: its first file names the process, so that another one can tell whether that
// lives. leftovers.ts removes those of the dead.

import { lstat, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isErrno } from "../../../runtime/errors.ts";
import { processStart } from "../server/index.ts";

export async function takeDirectory(directory: string): Promise<void> {
  await writeFile(ownerPath(directory), await nameOf(process.pid), { flag: "wx", mode: 0o600 });
}

/**
 * True when a `tsfn dev` of this user made the directory and is dead; the directory is then ours, and nobody else's who
 * asks meanwhile.
 */
export async function inheritDirectory(directory: string): Promise<boolean> {
  const { uid } = await lstat(directory);
  if (uid !== process.geteuid?.()) return false;
  const owner = await readOwner(directory);
  const pid = Number(/^(\d+) \S+ \S+$/.exec(owner)?.[1] ?? Number.NaN);
  if (Number.isNaN(pid) || !owner.endsWith(` ${await pidNamespace()}`)) return false;
  if ((await nameOf(pid)) === owner) return false;
  try {
    await rm(ownerPath(directory));
  } catch (thrown) {
    // Somebody was faster.
    if (isErrno(thrown, "ENOENT")) return false;
    throw thrown;
  }
  await takeDirectory(directory);
  return true;
}

/** "" where there is none: then it is none of ours, or was made this moment. */
async function readOwner(directory: string): Promise<string> {
  try {
    const { uid } = await lstat(ownerPath(directory));
    return uid === process.geteuid?.() ? await readFile(ownerPath(directory), "utf8") : "";
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT") || isErrno(thrown, "ENOTDIR")) return "";
    throw thrown;
  }
}

/** A number is given again; with its start time and its namespace it names one process. */
async function nameOf(pid: number): Promise<string> {
  return `${pid} ${(await processStart(pid)) ?? "ended"} ${await pidNamespace()}`;
}

async function pidNamespace(): Promise<string> {
  return await readlink("/proc/self/ns/pid");
}

function ownerPath(directory: string): string {
  return join(directory, "owner");
}
