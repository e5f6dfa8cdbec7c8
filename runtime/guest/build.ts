// Host side: bundles main.ts with what it imports into the one file that the guest layer carries. Same sources, same
// bytes: the layer's digest depends on it.

import { fileURLToPath } from "node:url";

const entryPoint = fileURLToPath(new URL("./main.ts", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));

/** The content of /opt/tsfn/guest.mjs. */
export async function buildGuest(): Promise<Buffer> {
  // build() shares one process that stays, and stopping it would end the builds of others. buildSync() would keep a
  // worker thread and its process too, unless esbuild finds this when it is loaded; then it is one process that ends.
  process.env.ESBUILD_WORKER_THREADS = "0";
  // Loaded here: only who builds the layer pays for it.
  const { buildSync } = await import("esbuild");
  const result = buildSync({
    entryPoints: [entryPoint],
    absWorkingDir: root,
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    target: "node26",
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none",
    logLevel: "silent",
  });
  const [output] = result.outputFiles;
  if (output === undefined) throw new Error(`bundling ${entryPoint} made no file; wanted one`);
  return Buffer.from(output.contents);
}
