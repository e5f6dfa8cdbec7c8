// Host side: bundles main.ts and zygote.ts, each with what it imports, into the two files that the guest layer carries.
// Same sources, same bytes: the layer's digest depends on it.

import { fileURLToPath } from "node:url";

const entryPoint = (name: string) => fileURLToPath(new URL(`./${name}.ts`, import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));

export interface GuestPrograms {
  /** /opt/tsfn/guest.mjs: started by exec. */
  readonly guest: Buffer;
  /** /opt/tsfn/zygote.mjs: started to be forked. */
  readonly zygote: Buffer;
}

export async function buildGuest(): Promise<GuestPrograms> {
  // build() shares one process that stays, and stopping it would end the builds of others. buildSync() would keep a
  // worker thread and its process too, unless esbuild finds this when it is loaded; then it is one process that ends.
  process.env.ESBUILD_WORKER_THREADS = "0";
  // Loaded here: only who builds the layer pays for it.
  const { buildSync } = await import("esbuild");
  const result = buildSync({
    entryPoints: { guest: entryPoint("main"), zygote: entryPoint("zygote") },
    absWorkingDir: root,
    outdir: root,
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    // The oldest that it runs on.
    target: "node24",
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: "none",
    logLevel: "silent",
  });
  const [guest, zygote] = result.outputFiles;
  if (guest === undefined || zygote === undefined) throw new Error("bundling the guest made too few files; wanted two");
  return { guest: Buffer.from(guest.contents), zygote: Buffer.from(zygote.contents) };
}
