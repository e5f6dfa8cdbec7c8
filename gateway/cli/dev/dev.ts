// The recipe of `tsfn dev`: a server of its own in a temporary directory, every function deployed to it and deployed
// again on save, its logs on the terminal, and on any way out everything removed.

import { tmpdir } from "node:os";
import type { Settings } from "../../../runtime/config.ts";
import { TsfnError } from "../../../runtime/errors.ts";
import type { Output } from "../output.ts";
import { reportError } from "../report-error.ts";
import { findInstallation, requireRoot } from "../server/index.ts";
import { onSignals } from "../signals.ts";
import { openFollower } from "./follow.ts";
import { type KeyParts, listenForKeys } from "./keys.ts";
import { removeDeadServers } from "./leftovers.ts";
import { openReloader, type Reloader } from "./reload.ts";
import { type DevServer, openDevServer, requireFreePort } from "./server.ts";
import { watchReloader } from "./watch.ts";

export interface DevOptions {
  readonly dirs: readonly string[];
  readonly settings: Settings;
  readonly output: Output;
}

/** Resolves with the exit code when a signal has come and nothing is left. @throws TsfnError */
export async function runDev({ dirs, settings, output }: DevOptions): Promise<number> {
  requireRoot("running functions");
  const installation = findInstallation();
  const over = new AbortController();
  const reloaders = await Promise.all(dirs.map((dir) => openReloader(dir, output, over.signal)));
  await requireFreePort(settings.listen);

  const { promise: interrupted, resolve: interrupt } = Promise.withResolvers<void>();
  let server: DevServer | undefined;
  using signals = onSignals((_signal, count) => {
    over.abort();
    interrupt();
    if (count > 1) server?.end();
  });
  try {
    requireDistinctNames(reloaders);
    // The first build needs no server, and takes about as long as its start.
    for (const reloader of reloaders) reloader.prebuild();
    await removeDeadServers(settings, installation).catch((thrown: Error) => {
      output.note(`warning: what an earlier tsfn dev left in ${tmpdir()} cannot be removed: ${thrown.message}`);
    });
    server = await openDevServer(settings, installation);
    const serving = serve(server, { reloaders, output, signal: over.signal, end: interrupt });
    await Promise.race([interrupted, serving, server.lost]);
  } finally {
    over.abort();
    await server?.close();
    await Promise.all(reloaders.map((reloader) => reloader.dispose()));
  }
  return signals.first === "SIGINT" ? 130 : 0;
}

type ServeParts = Omit<KeyParts, "client">;

/** Never resolves: it is over when the signal aborts. */
async function serve(server: DevServer, { reloaders, output, signal, end }: ServeParts): Promise<never> {
  await server.ready;
  const follower = openFollower(server.client, output, signal);
  const deploy = async (reloader: Reloader, sinceMs: number): Promise<void> => {
    await reloader.deploy(server.client, sinceMs);
    // Its logs exist since it was deployed for the first time, or under another name.
    if (reloader.deployed !== null) follower.follow(reloader.deployed.name);
  };
  const onBlind = (thrown: unknown): void => {
    if (!signal.aborted) reportError(thrown, { json: output.json });
  };
  await Promise.all(
    reloaders.map((reloader) =>
      watchReloader({ reloader, deploy: (sinceMs) => deploy(reloader, sinceMs), onBlind, signal }),
    ),
  );
  if (signal.aborted) return await never();
  const broken = reloaders.filter(({ deployed }) => deployed === null).length;
  output.note(broken === 0 ? "Waiting for changes; Ctrl-C ends it." : "Mend it and save; Ctrl-C ends it.");
  listenForKeys({ client: server.client, reloaders, output, end, signal });
  return await never();
}

function never(): Promise<never> {
  return new Promise(() => {});
}

function requireDistinctNames(reloaders: readonly Reloader[]): void {
  const seen = new Map<string, string>();
  for (const { dir, name } of reloaders) {
    const other = seen.get(name);
    if (other !== undefined) {
      throw new TsfnError("USAGE", `${other} and ${dir} are both named "${name}"; wanted a name for each`, {
        hint: `Set "name" in one of the tsfn.json files`,
      });
    }
    seen.set(name, dir);
  }
}
