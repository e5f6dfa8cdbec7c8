// Saves become deployments: changes below a function's directory, and of what it imports from outside, are gathered
// for a moment and deployed one after another.

import { relative, sep } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { watch } from "chokidar";
import { now } from "../../../runtime/trace.ts";
import type { Reloader } from "./reload.ts";

/** Editors write several files for one save, or one file in several steps. */
const gatherMs = 10;

/** @param deploy is told when the change was seen, on the clock of `now`. Resolves when it watches; goes on until the signal aborts. */
export async function watchReloader(
  reloader: Reloader,
  deploy: (sinceMs: number) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const watcher = watch([reloader.dir, ...reloader.outsideInputs], {
    ignoreInitial: true,
    atomic: false,
    ignored: (path) => isIgnored(reloader.dir, path),
  });
  let changedAtMs: number | null = null;
  let working = false;
  const work = async (): Promise<void> => {
    if (working) return;
    working = true;
    while (changedAtMs !== null && !signal.aborted) {
      const sinceMs = changedAtMs;
      await sleep(gatherMs);
      changedAtMs = null;
      await deploy(sinceMs);
      watcher.add([...reloader.outsideInputs]);
    }
    working = false;
  };
  watcher.on("all", () => {
    changedAtMs ??= now();
    void work();
  });
  signal.addEventListener("abort", () => void watcher.close(), { once: true });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  watcher.once("ready", resolve).once("error", reject);
  await promise;
}

/** Within the directory: what is not deployed either. A directory that is itself below a dot directory is fine. */
function isIgnored(dir: string, path: string): boolean {
  const parts = relative(dir, path).split(sep);
  if (parts[0] === "..") return parts.includes("node_modules");
  return parts.some((part) => part === "node_modules" || (part.startsWith(".") && part.length > 1));
}
