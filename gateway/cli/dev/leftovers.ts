// What a `tsfn dev` that was killed with SIGKILL left behind, removed by the next one: its directory, once neither it nor its
// server lives, and the control groups that its server's journal names.

import { lstat, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Settings } from "../../../runtime/config.ts";
import { isErrno } from "../../../runtime/errors.ts";
import { type Installation, prepareDirectories, sweepLeftovers } from "../server/index.ts";
import { inheritDirectory } from "./owner.ts";
import { directoryName, serverSettings, temporaryPlace } from "./server.ts";

/** @throws TsfnError or an error of the file system; the directories that are left are then of no harm */
export async function removeDeadServers(wanted: Settings, installation: Installation): Promise<void> {
  const place = await temporaryPlace();
  for (const name of await readdir(place)) {
    const directory = join(place, name);
    if (!directoryName.test(name) || !(await isDirectory(directory))) continue;
    if (!(await inheritDirectory(directory))) continue;
    if (await isServerGone(serverSettings(wanted, directory), installation)) await rm(directory, { recursive: true });
  }
}

/** No link to one, and none that went meanwhile. */
async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await lstat(path)).isDirectory();
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT")) return false;
    throw thrown;
  }
}

/** One that has been started holds the lock of its data directory for as long as it lives. */
async function isServerGone(settings: Settings, installation: Installation): Promise<boolean> {
  if (!(await isDirectory(join(settings.dataDir, "warden")))) return true;
  return (await sweepLeftovers(await prepareDirectories(settings), installation)) === 0;
}
