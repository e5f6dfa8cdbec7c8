// The function that every peer serves: bundled exactly as a deployment bundles it.

import { writeFileSync } from "node:fs";
import { bundleFunction, loadSource } from "../../runtime/catalog/index.ts";

/** @param directory of the function @param path of the module to write */
export async function writeBundle(directory: string, path: string): Promise<void> {
  const bundle = await bundleFunction(await loadSource(directory, {}));
  const entry = bundle.files.find((file) => file.path === "index.mjs");
  if (entry === undefined) throw new Error(`the bundle of ${directory} has no index.mjs`);
  writeFileSync(path, entry.content);
}
