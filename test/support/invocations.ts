// Invocations, answers and versions for tests below the gateway.

import type { FunctionVersion, Manifest } from "../../runtime/catalog/index.ts";
import type { Answer, Invocation } from "../../runtime/invocation.ts";
import { now } from "../../runtime/trace.ts";

let lastId = 0;

export function newInvocation(fields: Partial<Invocation> = {}): Invocation {
  lastId += 1;
  return {
    requestId: `request-${lastId}`,
    functionName: "hello",
    method: "GET",
    url: "http://localhost/",
    headers: ["host", "localhost"],
    body: null,
    heldBytes: 100,
    signal: new AbortController().signal,
    acceptedAtMs: now(),
    ...fields,
  };
}

/** An empty answer whose only header names the request it belongs to. */
export function answerFor(requestId: string, fields: Partial<Answer> = {}): Answer {
  const timing = { queueMs: 0, initMs: 0, execMs: 0 };
  return { status: 200, headers: ["x-answers", requestId], body: null, version: 1, cold: false, timing, ...fields };
}

export interface VersionFields extends Partial<Omit<Manifest, "limits" | "scaling">> {
  readonly number?: number;
  readonly limits?: Partial<Manifest["limits"]>;
  readonly scaling?: Partial<Manifest["scaling"]>;
}

export function newVersion({ number = 1, limits, scaling, ...fields }: VersionFields = {}): FunctionVersion {
  const manifest: Manifest = {
    name: "hello",
    runtime: "node26",
    handler: "auto",
    env: {},
    secrets: [],
    routes: [],
    limits: {
      memoryBytes: 128 * 2 ** 20,
      cpus: 1,
      timeoutMs: 30_000,
      diskBytes: 64 * 2 ** 20,
      pids: 64,
      bodyBytes: 6 * 2 ** 20,
      ...limits,
    },
    concurrency: 1,
    reuse: "process",
    prefork: "function",
    scaling: { min: 0, max: 200, idleTimeoutMs: 60_000, ...scaling },
    network: "none",
    ...fields,
  };
  const createdAt = new Date(0).toISOString();
  return { function: manifest.name, number, manifest, layer: "0".repeat(64), sizeBytes: 1, createdAt };
}
