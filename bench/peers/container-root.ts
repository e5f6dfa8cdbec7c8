// The root file system of the container peers: the base layers of tsfn as one tree, with what is served in /app.

import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Isolation } from "./peer.ts";
import { writeServed } from "./served.ts";

/** What a container runs; its socket appears in `socketDirectory` when it listens. */
export const command = ["/usr/local/bin/node", "/app/server.mjs", "/app/index.mjs", "/run/peer/http.sock"];
/** Where a start's own directory is mounted. */
export const socketDirectory = "/run/peer";

/** The same for all containers, and what tsfn gives an instance. */
export const limits = { memoryBytes: 128 << 20, pids: 64, cpus: 1 };

/** For the report. */
export function describeIsolation({ namespaces, seccomp, capabilities, memoryBytes, pids, cpus }: Isolation): string {
  return [
    `${namespaces.join(", ")} namespaces`,
    `${seccomp ? "a" : "no"} seccomp filter`,
    `${capabilities} capabilities`,
    `limits of ${memoryBytes >> 20} MiB, ${pids} processes and ${cpus} cpu`,
    "reached over a unix socket in a bind mount",
  ].join(", ");
}

/**
 * Files are links to those of the layers, so the page cache is shared with tsfn. @param layers directories of tsfn's base
 * layers, topmost first @param directory of the function
 */
export async function makeContainerRoot(place: string, layers: readonly string[], directory: string): Promise<string> {
  const root = join(place, "root");
  mkdirSync(root);
  for (const layer of layers.toReversed()) execFileSync("cp", ["--archive", "--link", "--force", `${layer}/.`, root]);
  for (const name of ["proc", "sys", "dev", "tmp", "app", "run/peer"]) mkdirSync(join(root, name), { recursive: true });
  await writeServed(directory, join(root, "app"));
  return root;
}
