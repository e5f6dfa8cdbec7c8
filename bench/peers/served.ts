// What bare nodes, containers and VMs serve: the bundle of a function, made exactly as a deployment makes it, and the
// plainest program that answers with it (bare-node.js).

import { copyFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleFunction, loadSource } from "../../runtime/catalog/index.ts";

/** Writes both into `place`; `node server.mjs index.mjs` runs them there. @param directory of the function */
export async function writeServed(directory: string, place: string): Promise<void> {
  const bundle = await bundleFunction(await loadSource(directory, {}));
  const entry = bundle.files.find((file) => file.path === "index.mjs");
  if (entry === undefined) throw new Error(`the bundle of ${directory} has no index.mjs`);
  writeFileSync(join(place, "index.mjs"), entry.content);
  copyFileSync(join(import.meta.dirname, "../bare-node.js"), join(place, "server.mjs"));
}
