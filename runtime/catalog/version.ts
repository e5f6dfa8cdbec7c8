// What is deployed: a function is a name, a version one immutable deployment of it. manifest.ts makes a
// Manifest from a user's file, catalog.ts keeps versions.

import type { LayerDigest } from "../sandbox/index.ts";

/** The words of esbuild's targets, too. */
export type NodeName = "node26" | "node24";

/** What versions get that name none. */
export const defaultNode: NodeName = "node26";

/** A fully resolved tsfn.json: every field present, units in the names. Stored with the version as JSON. */
export interface Manifest {
  /** DNS label: `^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`. */
  readonly name: string;
  /** The Node that it runs on; `provided`: the function is a program that speaks AWS's Runtime API. */
  readonly runtime: NodeName | "provided";
  readonly handler: "auto" | "fetch" | "lambda" | "node" | "server";
  readonly env: Readonly<Record<string, string>>;
  /** Names of secrets, which become variables and files. */
  readonly secrets: readonly string[];
  readonly limits: ManifestLimits;
  /** Invocations one instance runs at the same time. */
  readonly concurrency: number;
  readonly reuse: "process" | "never";
  readonly prefork: "function" | "runtime" | "none";
  readonly scaling: ManifestScaling;
  /** Under which it answers besides `/function/<name>`. */
  readonly routes: readonly Route[];
  readonly network: Network;
}

/** What it may connect to: only itself, every public address, or these and nothing else. */
export type Network = "none" | "internet" | readonly Destination[];

export interface Destination {
  /** A name in lower case, or an address in its canonical form, without brackets. */
  readonly host: string;
  readonly port: number;
}

/** A custom route. route-schema.ts tells which there may be, route-table.ts which one a request takes. */
export interface Route {
  /** Lower case, without a port; `*.` at its front stands for one label. null: every host. */
  readonly host: string | null;
  /** Exact, or with `/*` at its end the path before it and everything below. */
  readonly path: string;
}

export interface ManifestLimits {
  readonly memoryBytes: number;
  readonly cpus: number;
  readonly timeoutMs: number;
  readonly diskBytes: number;
  readonly pids: number;
  readonly bodyBytes: number;
}

export interface ManifestScaling {
  readonly min: number;
  readonly max: number;
  readonly idleTimeoutMs: number;
}

export interface FunctionVersion {
  readonly function: string;
  /** 1, 2, 3 … never reused, not even after `rm`. */
  readonly number: number;
  readonly manifest: Manifest;
  /** The function layer. The base layers are chosen by `manifest.runtime` when an instance starts. */
  readonly layer: LayerDigest;
  readonly sizeBytes: number;
  /** ISO 8601. */
  readonly createdAt: string;
}

/** The Node in a version's sandboxes: that of the guest, and of programs that are JavaScript. */
export function nodeOf(runtime: Manifest["runtime"]): NodeName {
  return runtime === "provided" ? defaultNode : runtime;
}

/** What is run of a function, relative to its directory. */
export function entryOf(runtime: Manifest["runtime"]): string {
  return runtime === "provided" ? "bootstrap" : "index.mjs";
}
