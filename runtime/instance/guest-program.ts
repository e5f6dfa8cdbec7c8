// What is started in a sandbox for a version, and what the guest is told first.

import { entryOf, type FunctionVersion, type Manifest, type NodeName } from "../catalog/index.ts";
import type { LayerDigest, Program, SandboxSpec } from "../sandbox/index.ts";
import { type Init, instanceIdVariable } from "../wire/index.ts";

const mib = 2 ** 20;
/** Descriptors an instance may hold (isolation.md, lock 9). */
const openFiles = 1_024;
/** On tmpfs an inode costs about 1 KiB that the size limit does not count. */
const bytesPerInode = 4_096;
const forkRoomBytes = 64 * mib;
/** Heap for the guest beside a function's own program: it holds no more than events and answers. */
const besideProgramMib = 48;

export function sandboxFor(version: FunctionVersion, id: string, layers: readonly LayerDigest[]): SandboxSpec {
  const { memoryBytes, cpus, pids, diskBytes } = version.manifest.limits;
  const diskInodes = Math.max(1_024, Math.ceil(diskBytes / bytesPerInode));
  const limits = { memoryBytes, cpus, pids, diskBytes, diskInodes, openFiles };
  return { id, hostname: version.function, layers, limits };
}

export function programFor({ manifest: { runtime, limits } }: FunctionVersion): Program {
  return {
    argv: [node, ...usualFlags(runtime, limits.memoryBytes), "/opt/tsfn/guest.mjs"],
    // What Node itself may want before init brings the function's own.
    env: basicEnv,
    cwd: "/app",
  };
}

const node = "/usr/local/bin/node";

function usualFlags(runtime: Manifest["runtime"], memoryBytes: number): string[] {
  const maxOldSpace = `--max-old-space-size=${maxOldSpaceMib(runtime, memoryBytes)}`;
  return ["--disable-sigusr1", "--enable-source-maps", maxOldSpace];
}

/** What a zygote does before it is forked. */
export type ZygoteRole = "function" | "runtime";

/** Which versions a blank one can be for. */
export interface ZygoteKind {
  readonly node: NodeName;
  /** Of the instances; a heap has a size from the start. */
  readonly memoryBytes: number;
}

/**
 * As an exec'd one, with as few of V8's threads as Node makes, and no work for them: they would not be in a clone. The
 * library gathers the heap (native/heap.c), and forgets that it was asked to.
 */
export function zygoteProgramFor({ node: name, memoryBytes }: ZygoteKind): Program {
  // The reducer's timer is set in the zygote: once it is due there, every clone would begin with a full collection.
  const flags = ["--v8-pool-size=1", "--single-threaded", "--no-memory-reducer", ...usualFlags(name, memoryBytes)];
  return {
    argv: [node, ...flags, "/opt/tsfn/zygote.mjs"],
    env: { ...basicEnv, LD_PRELOAD: "/opt/tsfn/libtsfn.so" },
    // Its root may become another one at any time.
    cwd: "/",
  };
}

/** A zygote's until its version is known. */
export function blankSandboxFor(id: string, memoryBytes: number, layers: readonly LayerDigest[]): SandboxSpec {
  const limits = { cpus: 1, pids: 64, diskBytes: mib, diskInodes: 1_024, openFiles };
  return {
    id,
    kind: "zygote",
    hostname: "tsfn",
    layers,
    limits: { ...limits, memoryBytes: memoryBytes + forkRoomBytes },
  };
}

/** Whose limits a zygote has: its version's, and room for the pages that clones touch before they are in their own. */
export function zygoteSandboxFor(version: FunctionVersion, id: string, layers: readonly LayerDigest[]): SandboxSpec {
  const { limits, ...spec } = sandboxFor(version, id, layers);
  const memoryBytes = limits.memoryBytes + forkRoomBytes;
  return { ...spec, kind: "zygote", limits: { ...limits, memoryBytes, cpus: 1, pids: Math.max(limits.pids, 64) } };
}

/** What the process of a version is told besides that. */
export interface InitOptions {
  readonly id: string;
  /** Those that the manifest names, with their values. */
  readonly secrets: Init["secrets"];
  readonly loadTimeoutMs: number;
}

export function initFor(version: FunctionVersion, { id, secrets, loadTimeoutMs }: InitOptions): Init {
  const { manifest } = version;
  const { memoryBytes, cpus, timeoutMs } = manifest.limits;
  return {
    function: version.function,
    version: version.number,
    instance: id,
    runtime: manifest.runtime,
    entry: entryOf(manifest.runtime),
    handler: manifest.handler,
    env: {
      ...basicEnv,
      PORT: "8080",
      FUNCTION_TARGET: version.function,
      ...manifest.env,
      TSFN_FUNCTION_NAME: version.function,
      TSFN_FUNCTION_VERSION: String(version.number),
      [instanceIdVariable]: id,
      TSFN_MEMORY_MB: String(Math.floor(memoryBytes / mib)),
      TSFN_TIMEOUT_MS: String(timeoutMs),
      K_SERVICE: version.function,
      K_REVISION: `${version.function}-${version.number}`,
    },
    secrets,
    loadTimeoutMs,
    concurrency: manifest.concurrency,
    cpus,
    memoryBytes,
  };
}

/** What is the same for all clones of a zygote; each gets an Init of its own. */
export function zygoteInit(version: FunctionVersion, role: ZygoteRole, options: Omit<InitOptions, "secrets">): Init {
  const init = initFor(version, { ...options, secrets: {} });
  if (role === "runtime") return { ...init, function: "", entry: "", env: basicEnv };
  const { [instanceIdVariable]: _, ...env } = init.env;
  return { ...init, env };
}

const basicEnv: Program["env"] = { PATH: "/usr/local/bin:/usr/bin:/bin", HOME: "/tmp", LANG: "C.UTF-8" };

/**
 * V8's heap must be full before the cgroup is, so that garbage is collected instead of the process killed. Node 26 needs
 * about 40 MiB besides the old space: its code and data, stacks, the young generation.
 */
function maxOldSpaceMib(runtime: Manifest["runtime"], memoryBytes: number): number {
  const most = runtime === "provided" ? besideProgramMib : Number.POSITIVE_INFINITY;
  return Math.min(most, Math.max(16, Math.floor(memoryBytes / mib) - 40));
}
