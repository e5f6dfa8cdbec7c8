// A whole runtime with real instances in process sandboxes, in a directory of its own, and functions deployed from source
// written in a test. With a real warden its instances are real too: forks, layers, limits.

import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pack } from "tar-stream";
import { type DeployResult, openRuntime, type Runtime, type RuntimeObserver } from "../../runtime/index.ts";
import type { Answer, Invocation } from "../../runtime/invocation.ts";
import { type Owner, temporaryDirectory } from "./function-directory.ts";
import { newInvocation } from "./invocations.ts";
import { processSandboxes } from "./process-sandbox.ts";
import type { TestWarden } from "./warden.ts";

export interface TestRuntime {
  readonly runtime: Runtime;
  readonly dataDir: string;
  /** Sandboxes that exist now. */
  readonly live: () => number;
  /** Deploys `source` as the text of index.mjs, with these fields of tsfn.json. */
  deploy(
    name: string,
    source: string,
    manifest?: Readonly<Record<string, unknown>>,
    assets?: Readonly<Record<string, string>>,
  ): Promise<DeployResult>;
  call(name: string, fields?: Partial<Invocation>): Promise<Answer>;
  /** The text of the answer's body. */
  text(name: string, fields?: Partial<Invocation>): Promise<string>;
}

export interface TestRuntimeOptions {
  readonly dataDir?: string;
  readonly maxInstances?: number;
  readonly maxWaiting?: number;
  readonly observer?: RuntimeObserver;
  /** Makes the sandboxes, in its own data directory. */
  readonly warden?: TestWarden;
  readonly sandboxesReady?: number;
  readonly zygotesReady?: number;
  readonly zygoteMemoryBytes?: number;
}

export async function openTestRuntime(t: Owner, options: TestRuntimeOptions = {}): Promise<TestRuntime> {
  const { warden } = options;
  const dataDir = options.dataDir ?? warden?.dataDir ?? temporaryDirectory(t);
  const plain = warden === undefined ? await processSandboxes(join(dataDir, "layers")) : null;
  const sandboxes = plain ?? warden?.sandboxes;
  if (sandboxes === undefined) throw new Error("nothing makes sandboxes");
  const runtime = await openRuntime({
    settings: {
      dataDir,
      durability: "none",
      maxInstances: options.maxInstances ?? 100,
      maxWaiting: options.maxWaiting ?? 1_000,
      maxWaitingBytes: 64 * 2 ** 20,
      sandboxesReady: options.sandboxesReady ?? 2,
      zygotesReady: options.zygotesReady ?? 0,
      zygoteMemoryBytes: options.zygoteMemoryBytes ?? 2 ** 30,
    },
    sandboxes,
    observer: options.observer ?? {},
  });
  t.teardown(async () => {
    await runtime.close();
    await plain?.close();
  });
  const call = (name: string, fields: Partial<Invocation> = {}) =>
    runtime.invoke(newInvocation({ functionName: name, requestId: randomUUID(), ...fields }));
  return {
    runtime,
    dataDir,
    live: () => plain?.live.size ?? 0,
    deploy: (name, source, manifest = {}, assets = {}) =>
      runtime.deploy(name, packageOf({ name, ...manifest }, source, assets)),
    call,
    text: async (name, fields) => textOf(await call(name, fields)),
  };
}

/** The upload that `tsfn deploy` would send, without esbuild. */
export function packageOf(
  manifest: Readonly<Record<string, unknown>>,
  source: string,
  assets: Readonly<Record<string, string>> = {},
): Readable {
  const archive = pack();
  for (const [name, text] of [
    ["tsfn.json", JSON.stringify(manifest)],
    ["app/index.mjs", source],
    ...Object.entries(assets).map(([path, text]) => [`app/${path}`, text] as const),
  ] as const) {
    archive.entry({ name, size: Buffer.byteLength(text), mode: 0o644 }, Buffer.from(text), () => undefined);
  }
  archive.finalize();
  return Readable.from(archive, { objectMode: false });
}

/** A body that keeps a function which reads it waiting until the test ends it. */
export function heldBody(): { readonly body: Readable; readonly end: () => void } {
  const body = new Readable({ read: () => {} });
  return { body, end: () => void body.push(null) };
}

export async function textOf({ body }: Answer): Promise<string> {
  return body instanceof Readable ? Buffer.concat(await body.toArray()).toString() : (body ?? "").toString();
}
