// A module with npm packages in it, as `tsfn deploy` would bundle it: unmodified, from this project's own dependencies.

import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { bundleFunction, loadSource } from "../../runtime/catalog/index.ts";
import { root } from "../architecture/tree.ts";
import { functionDirectory, type Owner } from "./function-directory.ts";

// Read when esbuild is loaded: the guest is built in this process too, synchronously (runtime/guest/build.ts).
process.env.ESBUILD_WORKER_THREADS = "0";

/** A function's directory that finds this project's packages. */
export function packagedDirectory(t: Owner, files: Readonly<Record<string, string>>): string {
  const directory = functionDirectory(t, files);
  symlinkSync(join(root, "node_modules"), join(directory, "node_modules"));
  return directory;
}

/** The text of index.mjs. */
export async function bundled(t: Owner, source: string, entry = "index.ts"): Promise<string> {
  const { files } = await bundleFunction(
    await loadSource(packagedDirectory(t, { "tsfn.json": `{ "name": "test" }`, [entry]: source })),
  );
  const module = files.find(({ path }) => path === "index.mjs");
  if (module === undefined || typeof module.content === "string") throw new Error("the bundle has no index.mjs");
  return Buffer.from(module.content).toString();
}
