// From a source directory to the files that are deployed: one ES module with its source map, and the assets beside it.
// The same input gives the same bytes wherever the directory lies. esbuild is loaded only when something is built.

import { relative, resolve } from "node:path";
import type { BuildOptions, BuildResult, Metafile } from "esbuild";
import { type Problem, TsfnError } from "../errors.ts";
import { type BundleFile, listAll, listAssets } from "./assets.ts";
import { bundleFailed, toProblem } from "./bundle-problems.ts";
import { refuseForeign } from "./foreign-modules.ts";
import { resolveFramework } from "./framework-module.ts";
import type { FunctionSource } from "./source.ts";
import { resolveTsfn, virtualPrefix } from "./tsfn-module.ts";
import { nodeOf } from "./version.ts";

export interface Bundle {
  /** Sorted by path; `index.mjs` and `index.mjs.map` are among them. */
  readonly files: readonly BundleFile[];
  readonly sizeBytes: number;
  /** What esbuild thinks odd, but builds. */
  readonly warnings: readonly Problem[];
}

/** Builds again and again while a person edits, keeping what did not change in memory. */
export interface Bundler {
  /** @throws TsfnError BUNDLE_FAILED, SOURCE_INVALID */
  rebuild(): Promise<Bundle>;
  /** Absolute paths of the modules of the last build that succeeded; some may lie outside the directory. */
  readonly inputs: readonly string[];
  dispose(): Promise<void>;
}

// CommonJS dependencies call require() for Node's own modules, which an ES module does not have.
const requireBanner = [
  `import { createRequire as __tsfnCreateRequire } from "node:module";`,
  `const require = __tsfnCreateRequire(import.meta.url);`,
].join(" ");

/** @throws TsfnError BUNDLE_FAILED with file, line and column of each mistake; SOURCE_INVALID */
export async function bundleFunction(source: FunctionSource): Promise<Bundle> {
  if (source.manifest.runtime === "provided") return await collectProgram(source);
  const { build } = await import("esbuild");
  const result = await build(buildOptions(source)).catch(async (error: unknown) => {
    throw await bundleFailed(source, error);
  });
  return toBundle(source, result);
}

export async function createBundler(source: FunctionSource): Promise<Bundler> {
  if (source.manifest.runtime === "provided") {
    return { rebuild: () => collectProgram(source), inputs: [], dispose: () => Promise.resolve() };
  }
  const { context } = await import("esbuild");
  const builder = await context(buildOptions(source));
  let inputs = [resolve(source.dir, source.entry)];
  return {
    async rebuild() {
      const result = await builder.rebuild().catch(async (error: unknown) => {
        throw await bundleFailed(source, error);
      });
      inputs = inputPaths(result.metafile).map((path) => resolve(source.dir, path));
      return toBundle(source, result);
    },
    get inputs() {
      return inputs;
    },
    dispose: () => builder.dispose(),
  };
}

/** Nothing is built of a function that brings its own program. */
async function collectProgram({ dir }: FunctionSource): Promise<Bundle> {
  const files = await listAll(dir);
  return { files, sizeBytes: sizeOf(files), warnings: [] };
}

function sizeOf(files: readonly BundleFile[]): number {
  return files.reduce((sum, file) => sum + file.sizeBytes, 0);
}

type Options = BuildOptions & { metafile: true; write: false };

function buildOptions({ dir, entry, manifest }: FunctionSource): Options {
  const target = nodeOf(manifest.runtime);
  return {
    absWorkingDir: dir,
    entryPoints: [`./${entry}`],
    // The module's own directory, so that the map's sources are the paths a person knows. Nothing is written there.
    outdir: dir,
    entryNames: "index",
    outExtension: { ".js": ".mjs" },
    allowOverwrite: true,
    write: false,
    bundle: true,
    format: "esm",
    platform: "node",
    target,
    sourcemap: "linked",
    sourcesContent: true,
    legalComments: "none",
    banner: { js: requireBanner },
    plugins: [resolveTsfn, resolveFramework, refuseForeign(target)],
    metafile: true,
    logLevel: "silent",
    logLimit: 0,
  };
}

async function toBundle(source: FunctionSource, result: BuildResult<Options>): Promise<Bundle> {
  const built = result.outputFiles.map(({ path, contents }): BundleFile => {
    return { path: relative(source.dir, path), sizeBytes: contents.byteLength, executable: false, content: contents };
  });
  const assets = await listAssets(source.dir, new Set(inputPaths(result.metafile)));
  const clash = assets.find(({ path }) => built.some((file) => file.path === path));
  if (clash !== undefined) {
    const problem = `has the name of the bundle, but ${source.entry} is the module that is built`;
    throw new TsfnError("SOURCE_INVALID", `${clash.path} ${problem}`, {
      problems: [{ file: clash.path, message: problem }],
      hint: `Rename ${clash.path}, or remove ${source.entry} if ${clash.path} is meant`,
    });
  }
  const files = [...built, ...assets].sort((a, b) => (a.path < b.path ? -1 : 1));
  return { files, sizeBytes: sizeOf(files), warnings: result.warnings.map(toProblem) };
}

function inputPaths(metafile: Metafile): string[] {
  return Object.keys(metafile.inputs).filter((path) => !path.startsWith("<") && !path.startsWith(virtualPrefix));
}
