// Host side: bundles main.ts with what it imports into the one file that the guest layer carries. Same sources, same
// bytes: the layer's digest depends on it.

import { fileURLToPath } from "node:url";

const entryPoint = fileURLToPath(new URL("./main.ts", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));

/** The content of /opt/tsfn/guest.mjs. */
export async function buildGuest(): Promise<Buffer> {
  // Loaded here: only who builds the layer pays for it.
  const { buildSync } = await import("esbuild");
  // build() shares one process that stays, and stopping it would end the builds of others; this one is its own.
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
