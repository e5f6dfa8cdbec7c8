// Saves become deployments: changes below a function's directory, and of what it imports from outside, are gathered
// for a moment and deployed one after another.

import { relative, sep } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { watch } from "chokidar";
import { now } from "../../../runtime/trace.ts";
import type { Reloader } from "./reload.ts";

/** Editors write several files for one save, or one file in several steps. */
const gatherMs = 10;

export interface Watch {
  readonly reloader: Reloader;
  /** Deploys what is in the directory; `sinceMs` is when a change was seen, on the clock of `now`. Never rejects. */
  readonly deploy: (sinceMs: number) => Promise<void>;
  /** Told when changes can no longer be seen, such as by a limit on inotify. */
  readonly onBlind: (error: unknown) => void;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** Resolves after the first deployment, and goes on. Watches before that, so that no save is missed. */
export async function watchReloader({ reloader, deploy, onBlind, signal }: Watch): Promise<void> {
  const watcher = watch(reloader.dir, {
    ignoreInitial: true,
    atomic: false,
    ignored: (path) => isIgnored(reloader.dir, path),
  });
  watcher.on("error", onBlind);
  signal.addEventListener("abort", () => void watcher.close(), { once: true });
  let changedAtMs: number | null = now();
  let working = true;
  const work = async (): Promise<void> => {
    while (changedAtMs !== null && !signal.aborted) {
      const sinceMs = changedAtMs;
      changedAtMs = null;
      await deploy(sinceMs);
      watcher.add([...reloader.outsideInputs]);
      if (changedAtMs !== null) await sleep(gatherMs);
    }
    working = false;
  };
  watcher.on("all", () => {
    changedAtMs ??= now();
    if (working) return;
    working = true;
    void sleep(gatherMs).then(work);
  });
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  watcher.once("ready", resolve).once("error", () => resolve());
  await begun;
  await work();
}

/** Within the directory: what is not deployed either. A directory that is itself below a dot directory is fine. */
function isIgnored(dir: string, path: string): boolean {
  const parts = relative(dir, path).split(sep);
  if (parts[0] === "..") return parts.includes("node_modules");
  return parts.some((part) => part === "node_modules" || (part.startsWith(".") && part.length > 1));
}
