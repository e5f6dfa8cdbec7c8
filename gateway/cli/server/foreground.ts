// `tsfn server start --foreground`: stays until the server ends, for a terminal or a service manager. The first signal
// drains the server, the second ends it at once.

import type { Settings } from "../../../runtime/config.ts";
import type { ServerInfo } from "../answers.ts";
import { onSignals } from "../signals.ts";
import { findInstallation } from "./installation.ts";
import { launchServer, requireFreeSocket } from "./launch.ts";
import { removeMade } from "./made.ts";
import { prepareDirectories } from "./prepare.ts";

/** Resolves with the exit code: the server's, or 130 after Ctrl-C. @throws TsfnError when it does not start */
export async function startInForeground(settings: Settings, announce: (info: ServerInfo) => void): Promise<number> {
  const installation = findInstallation();
  await requireFreeSocket(settings.adminSocket);
  const prepared = await prepareDirectories(settings);
  const complaint: Buffer[] = [];
  const server = launchServer({
    prepared,
    installation,
    stdio: ["ignore", "inherit", "pipe"],
    dieWithParent: true,
    readComplaint: async () => Buffer.concat(complaint).toString("utf8"),
  });
  let info: ServerInfo | undefined;
  server.child.stderr?.on("data", (chunk: Buffer) => {
    // Until it is ready this may be the reason why it will not be: told once, as our own failure.
    if (info === undefined) complaint.push(chunk);
    else process.stderr.write(chunk);
  });
  using signals = onSignals((signal, count) => {
    // The warden hands it on; tsfnd drains at the first and hurries at the second.
    if (count <= 2) server.child.kill("SIGTERM");
    else server.endAtOnce();
    if (count === 1 && signal === "SIGINT") process.stderr.write("Stopping; Ctrl-C again to stop at once.\n");
  });
  try {
    info = await server.ready;
  } catch (thrown) {
    await server.ended;
    await removeMade(prepared.made, thrown);
    if (signals.first === null) throw thrown;
    return signals.first === "SIGINT" ? 130 : 0;
  }
  process.stderr.write(Buffer.concat(complaint));
  announce(info);
  const status = await server.ended;
  return signals.first === "SIGINT" ? 130 : status;
}
