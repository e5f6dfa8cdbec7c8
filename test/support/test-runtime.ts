// A whole runtime with real instances in process sandboxes, in a directory of its own, and functions deployed from source
// written in a test. For claims about the runtime; claims about isolation need the real sandbox (test/e2e).

import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pack } from "tar-stream";
import { type DeployResult, openRuntime, type Runtime, type RuntimeObserver } from "../../runtime/index.ts";
import type { Answer, Invocation } from "../../runtime/invocation.ts";
import { type Owner, temporaryDirectory } from "./function-directory.ts";
import { newInvocation } from "./invocations.ts";
import { processSandboxes } from "./process-sandbox.ts";

export interface TestRuntime {
  readonly runtime: Runtime;
  readonly dataDir: string;
  /** Sandboxes that exist now. */
  readonly live: () => number;
  /** Deploys `source` as the text of index.mjs, with these fields of tsfn.json. */
  deploy(name: string, source: string, manifest?: Readonly<Record<string, unknown>>): Promise<DeployResult>;
  call(name: string, fields?: Partial<Invocation>): Promise<Answer>;
  /** The text of the answer's body. */
  text(name: string, fields?: Partial<Invocation>): Promise<string>;
}

export interface TestRuntimeOptions {
  readonly dataDir?: string;
  readonly maxInstances?: number;
  readonly maxWaiting?: number;
  readonly observer?: RuntimeObserver;
}

export async function openTestRuntime(t: Owner, options: TestRuntimeOptions = {}): Promise<TestRuntime> {
  const dataDir = options.dataDir ?? temporaryDirectory(t);
  const sandboxes = await processSandboxes(join(dataDir, "layers"));
  const runtime = await openRuntime({
    settings: {
      dataDir,
      durability: "none",
      maxInstances: options.maxInstances ?? 100,
      maxWaiting: options.maxWaiting ?? 1_000,
      maxWaitingBytes: 64 * 2 ** 20,
      sandboxesReady: 0,
      zygoteMemoryBytes: 2 ** 30,
    },
    sandboxes,
    observer: options.observer ?? {},
  });
  t.teardown(async () => {
    await runtime.close();
    await sandboxes.close();
  });
  const call = (name: string, fields: Partial<Invocation> = {}) =>
    runtime.invoke(newInvocation({ functionName: name, requestId: randomUUID(), ...fields }));
  return {
    runtime,
    dataDir,
    live: () => sandboxes.live.size,
    deploy: (name, source, manifest = {}) => runtime.deploy(name, packageOf({ name, ...manifest }, source)),
    call,
    text: async (name, fields) => textOf(await call(name, fields)),
  };
}

/** The upload that `tsfn deploy` would send, without esbuild. */
export function packageOf(manifest: Readonly<Record<string, unknown>>, source: string): Readable {
  const archive = pack();
  for (const [name, text] of [
    ["tsfn.json", JSON.stringify(manifest)],
    ["app/index.mjs", source],
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
  return body === null ? "" : Buffer.concat(await body.toArray()).toString();
}
