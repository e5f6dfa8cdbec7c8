// `tsfn deploy` as one file, which starts in two thirds of the time: most of a start is finding, reading and linking 170 modules one
// by one. The launcher (tsfn) runs that file as long as nothing that it was made of is newer; else it runs main.ts and asks
// for another in the environment, and a deploy that succeeded makes it.

import { mkdir, rename, rm, utimes, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { Plugin } from "esbuild";

/** Set by the launcher: the file's path without its `.cjs`. The paths of what it was made of are beside it, in `.sources`. */
export const bundleVariable = "TSFN_DEPLOY_BUNDLE";

const packageDir = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");
/** npm renews them with every package that it installs; what a package holds is as old as its author says. */
const installed = ["package.json", "package-lock.json", "node_modules/.package-lock.json"];
/** In whole seconds, which is all that some shells compare; a source changed in the last ones counts as newer. */
const marginMs = 2_000;

/** @param path the value of `bundleVariable` */
export async function bundleCommand(path: string): Promise<void> {
  const madeAt = new Date(Date.now() - marginMs);
  const { build } = await import("esbuild");
  const { outputFiles, metafile } = await build({
    absWorkingDir: packageDir,
    entryPoints: ["gateway/cli/main.ts"],
    outfile: `${path}.cjs`,
    write: false,
    bundle: true,
    // Not ESM: each import of one of Node's modules then reads all that it exports.
    format: "cjs",
    platform: "node",
    target: "node26",
    mainFields: ["module", "main"],
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: true,
    // Those that ask lie beside each other.
    define: { "import.meta.url": JSON.stringify(import.meta.url) },
    external: ["esbuild"],
    plugins: [leaveOutOtherCommands],
    metafile: true,
    logLevel: "silent",
  });
  const own = Object.keys(metafile.inputs).filter((input) => !input.startsWith("node_modules/"));
  const sources = [...own, ...installed].map((source) => join(packageDir, source));
  await mkdir(dirname(path), { recursive: true });
  await replace(`${path}.cjs`, outputFiles[0]?.text ?? "", madeAt);
  await replace(`${path}.sources`, `${[packageDir, ...sources].join("\n")}\n`, madeAt);
}

/** They stay where they are, for a function's directory may have the name of one. */
const leaveOutOtherCommands: Plugin = {
  name: "other commands",
  setup({ onResolve }) {
    onResolve({ filter: /\.ts$/ }, ({ path, kind, importer }) => {
      const place = relative(packageDir, importer);
      const isOther =
        kind === "dynamic-import" &&
        path !== "./deploy.ts" &&
        /^gateway\/cli\/(program|commands\/index)\.ts$/.test(place);
      return isOther ? { path: join(dirname(importer), path), external: true } : null;
    });
  },
};

/** Whoever reads it meanwhile reads the old one. */
async function replace(path: string, content: string, madeAt: Date): Promise<void> {
  const aside = `${path}.${process.pid}`;
  try {
    await writeFile(aside, content);
    await utimes(aside, madeAt, madeAt);
    await rename(aside, path);
  } catch (thrown) {
    await rm(aside, { force: true });
    throw thrown;
  }
}
