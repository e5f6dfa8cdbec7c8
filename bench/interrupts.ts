// Ctrl-C: everything the benchmark has made is removed before it ends. Run as a program with the key of a benchmark, this
// file is the one that removes it, while the benchmark itself stands still and can make nothing new.

import { spawnSync } from "node:child_process";
import { removeLeftovers } from "./leftovers.ts";
import { keyOf } from "./place.ts";

if (import.meta.main) await removeLeftovers(process.argv[2]);

/** From now on SIGINT, SIGTERM and SIGHUP end this process only after everything of it is gone. */
export function cleanUpWhenInterrupted(): void {
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.once(name, () => {
      const args = [import.meta.filename, keyOf("self") ?? ""];
      spawnSync(process.execPath, args, { stdio: ["ignore", "inherit", "inherit"] });
      // Nobody listens any more, so this time it ends.
      process.kill(process.pid, name);
    });
}
