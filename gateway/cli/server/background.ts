// `tsfn server start`: leaves a server running on its own. Its log goes to the data directory, and so does what it
// says when it fails, which is shown here.

import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Settings } from "../../../runtime/config.ts";
import type { ServerInfo } from "../answers.ts";
import { findInstallation } from "./installation.ts";
import { launchServer, requireFreeSocket } from "./launch.ts";
import { removeMade } from "./made.ts";
import { prepareDirectories } from "./prepare.ts";

/** Resolves when the server answers. @throws TsfnError */
export async function startInBackground(settings: Settings): Promise<ServerInfo> {
  const installation = findInstallation();
  await requireFreeSocket(settings.adminSocket);
  const prepared = await prepareDirectories(settings);
  const errorPath = join(prepared.settings.dataDir, "server.err");
  await using log = await open(join(prepared.settings.dataDir, "server.log"), "a", 0o600);
  // Appended to: another server may hold this directory, and that is then what this start will be told.
  await using errors = await open(errorPath, "a", 0o600);
  const { size: offset } = await errors.stat();
  const server = launchServer({
    prepared,
    installation,
    stdio: ["ignore", log.fd, errors.fd],
    dieWithParent: false,
    readComplaint: async () => (await readFile(errorPath)).subarray(offset).toString("utf8"),
  });
  try {
    const info = await server.ready;
    server.child.unref();
    return info;
  } catch (thrown) {
    server.child.kill("SIGTERM");
    await server.ended;
    await removeMade(prepared.made, thrown);
    throw thrown;
  }
}
