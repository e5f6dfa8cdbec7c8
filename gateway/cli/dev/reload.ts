// One function under `tsfn dev`: built, uploaded, and told about. A version that does not build, load or fit is told
// in full, and the one before it keeps answering.

import { resolve } from "node:path";
import {
  type Bundle,
  type Bundler,
  createBundler,
  type FunctionSource,
  loadSource,
  packFunction,
} from "../../../runtime/catalog/index.ts";
import { asTsfnError, toProblem } from "../../../runtime/errors.ts";
import { now } from "../../../runtime/trace.ts";
import type { Deployed } from "../answers.ts";
import type { Client } from "../client.ts";
import { functionPath } from "../context.ts";
import type { Output } from "../output.ts";
import { formatProblem, reportError } from "../report-error.ts";
import { inDirectory, inModule, placed } from "../source-places.ts";
import { formatMs, neutralise, styled } from "../terminal.ts";

export interface Reloader {
  /** Absolute. */
  readonly dir: string;
  readonly name: string;
  /** What answers now; null when nothing ever did. */
  readonly deployed: Deployed | null;
  /** Files outside `dir` that the last build read. */
  readonly outsideInputs: readonly string[];
  /** Begins to build what the next `deploy` will upload. */
  prebuild(): void;
  /** Builds and uploads what is in the directory now; `sinceMs` is when it changed. Failures are told, never thrown. */
  deploy(client: Client, sinceMs: number): Promise<void>;
  dispose(): Promise<void>;
}

interface Built {
  readonly source: FunctionSource;
  readonly bundle: Bundle;
}

/**
 * @param closing what fails once it has aborted fails because of that, and is not told
 * @throws TsfnError when there is no function in `dir`.
 */
export async function openReloader(dir: string, output: Output, closing: AbortSignal): Promise<Reloader> {
  let source = await loadSource(dir).catch((thrown) => inDirectory(dir, thrown));
  let bundler: Bundler | undefined;
  let deployed: Deployed | null = null;
  let prebuilt: Promise<Built> | undefined;

  const build = async (): Promise<Built> => {
    const before = source;
    source = await loadSource(dir);
    if (source.entry !== before.entry || source.manifest.runtime !== before.manifest.runtime) {
      await bundler?.dispose();
      bundler = undefined;
    }
    bundler ??= await createBundler(source);
    return { source, bundle: await bundler.rebuild() };
  };

  const upload = async (client: Client, built: Built): Promise<Deployed> =>
    await client.json<Deployed>({
      method: "PUT",
      path: functionPath(built.source.manifest.name),
      headers: { "content-type": "application/x-tar" },
      body: packFunction(built.bundle, built.source.manifestText),
    });

  return {
    dir: resolve(dir),
    get name() {
      return source.manifest.name;
    },
    get deployed() {
      return deployed;
    },
    get outsideInputs() {
      return bundler?.inputs.filter((path) => !path.startsWith(`${source.dir}/`)) ?? [];
    },
    prebuild() {
      prebuilt = build();
      // Told by the deploy that uses it.
      prebuilt.catch(() => {});
    },
    async deploy(client, sinceMs) {
      try {
        const pending = prebuilt ?? build();
        prebuilt = undefined;
        const before = deployed;
        const built = await pending;
        warn(built, output);
        const renamed = before !== null && before.name !== built.source.manifest.name ? before : null;
        const remove = async (name: string) => client.json<void>({ method: "DELETE", path: functionPath(name) });
        // The new name could not have its routes beside it.
        if (renamed !== null && renamed.routes.length > 0) {
          await remove(renamed.name);
          deployed = null;
        }
        deployed = await upload(client, built);
        tellDeployed(deployed, before, now() - sinceMs, output);
        if (renamed !== null && renamed.routes.length === 0) await remove(renamed.name);
      } catch (thrown) {
        if (closing.aborted) return;
        tellFailed(await inModule(source, thrown).catch((told: unknown) => told), deployed, output);
      }
    },
    async dispose() {
      await prebuilt?.catch(() => {});
      await bundler?.dispose();
    },
  };
}

function warn({ source, bundle }: Built, output: Output): void {
  for (const problem of bundle.warnings) {
    output.note(`${styled("yellow", "warning:")} ${neutralise(formatProblem(placed(problem, source.dir)))}`);
  }
}

function tellDeployed(deployed: Deployed, before: Deployed | null, tookMs: number, output: Output): void {
  const { name, version, url, routes, unchanged } = deployed;
  output.document({ event: "deployed", ...deployed, tookMs: Math.round(tookMs * 10) / 10 });
  const known = before === null ? [] : [before.url, ...before.routes];
  output.lines([url, ...routes].filter((address) => !known.includes(address)));
  if (unchanged && before !== null) output.note(`${name}@${version} is unchanged`);
  else output.note(`${styled("green", `${name}@${version}`)} in ${formatMs(tookMs)}`);
}

function tellFailed(thrown: unknown, deployed: Deployed | null, output: Output): void {
  if (output.json) output.document({ event: "failed", ...toProblem(asTsfnError(thrown)) });
  else reportError(thrown, { json: false });
  if (deployed !== null) output.note(`${deployed.name}@${deployed.version} still answers.`);
}
