// Functions written inside a test, started as real instances in process sandboxes, and called without HTTP.

import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { ExecutionContext } from "ava";
import type { FunctionVersion, Manifest } from "../../runtime/catalog/index.ts";
import {
  type Instance,
  type InvocationReport,
  type StartedInstance,
  startInstance,
} from "../../runtime/instance/index.ts";
import type { Answer, Invocation } from "../../runtime/invocation.ts";
import type { LogLine } from "../../runtime/logs/index.ts";
import { noForker } from "../../runtime/zygote/index.ts";
import { processSandboxes } from "./process-sandbox.ts";

export interface ManifestChanges extends Omit<Partial<Manifest>, "limits"> {
  readonly limits?: Partial<Manifest["limits"]>;
}

/** What an instance told its observer, in order. */
export interface Told {
  readonly lines: LogLine[];
  readonly reports: InvocationReport[];
  readonly events: string[];
}

export interface LiveFunction extends Told {
  readonly instance: Instance;
  readonly started: StartedInstance;
  call(request?: Partial<Invocation>): Promise<Answer>;
}

/** Starts `source` (the text of index.mjs) as an instance that is gone when the test is over. */
export async function startFunction(
  t: ExecutionContext,
  source: string | Readonly<Record<string, string>>,
  changes: ManifestChanges = {},
  startTimeoutMs = 30_000,
): Promise<LiveFunction> {
  const told: Told = { lines: [], reports: [], events: [] };
  const started = await attemptStart(t, source, changes, startTimeoutMs, told);
  const { instance } = started;
  t.teardown(() => instance.kill());
  const arrival = { cold: false, queueMs: 0, initMs: 0 };
  return { ...told, instance, started, call: (request) => instance.invoke(invocationOf(request), arrival) };
}

/** As startFunction, for starts that fail; nothing may be left of them. */
export async function attemptStart(
  t: ExecutionContext,
  source: string | Readonly<Record<string, string>>,
  changes: ManifestChanges,
  startTimeoutMs: number,
  told: Told,
): Promise<StartedInstance> {
  const layersDir = await mkdtemp(join(tmpdir(), "tsfn-live-function-"));
  t.teardown(() => rm(layersDir, { recursive: true, force: true }));
  const digest = "f".repeat(64);
  const app = join(layersDir, digest, "app");
  await mkdir(app, { recursive: true });
  const files = typeof source === "string" ? { "index.mjs": source } : source;
  for (const [name, text] of Object.entries(files)) await writeFile(join(app, name), text);
  const sandboxes = await processSandboxes(layersDir);
  t.teardown(async () => {
    const left = [...sandboxes.live];
    await sandboxes.close();
    if (left.length > 0) throw new Error(`sandboxes were left behind: ${left.join(", ")}`);
  });
  return startInstance({
    version: versionOf(changes, digest),
    id: `test-${randomUUID().slice(0, 8)}`,
    layers: [digest],
    sandboxes,
    forker: noForker,
    secrets: () => ({}),
    startTimeoutMs,
    observer: {
      settled: (_, report) => {
        told.reports.push(report);
        told.events.push("settled");
      },
      returned: () => told.events.push("returned"),
      unusable: () => told.events.push("unusable"),
      gone: () => told.events.push("gone"),
      log: (line) => told.lines.push(line),
    },
  });
}

export function invocationOf(request: Partial<Invocation> = {}): Invocation {
  return {
    requestId: randomUUID(),
    functionName: "test",
    method: request.body ? "POST" : "GET",
    url: "http://localhost/",
    headers: [],
    body: null,
    heldBytes: 0,
    signal: new AbortController().signal,
    acceptedAtMs: performance.now(),
    ...request,
  };
}

export async function textOf(answer: Answer): Promise<string> {
  const { body } = answer;
  return body instanceof Readable ? Buffer.concat(await body.toArray()).toString() : (body ?? "").toString();
}

export function bodyOf(...pieces: (string | Buffer)[]): Readable {
  return Readable.from(
    pieces.map((piece) => Buffer.from(piece)),
    { objectMode: false },
  );
}

/** Waits until `condition` holds; a test that waits in vain fails by its timeout. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

function versionOf(changes: ManifestChanges, layer: string): FunctionVersion {
  const manifest: Manifest = {
    name: "test",
    runtime: "node26",
    handler: "auto",
    env: {},
    secrets: [],
    routes: [],
    concurrency: 1,
    reuse: "process",
    prefork: "none",
    scaling: { min: 0, max: 1, idleTimeoutMs: 60_000 },
    network: "none",
    ...changes,
    limits: {
      memoryBytes: 256 * 2 ** 20,
      cpus: 1,
      timeoutMs: 30_000,
      diskBytes: 2 ** 20,
      pids: 64,
      bodyBytes: 2 ** 30,
      ...changes.limits,
    },
  };
  return { function: "test", number: 3, manifest, layer, sizeBytes: 0, createdAt: "2026-01-01T00:00:00.000Z" };
}
