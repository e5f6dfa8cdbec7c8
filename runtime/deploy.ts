// The steps of a deploy: unpack, store, prove that it starts, publish, swap. Until the last but one succeeds the version
// that was live stays live, and whatever fails leaves nothing but a number that is never used.

import type { Readable } from "node:stream";
import { isDeepStrictEqual } from "node:util";
import {
  type Catalog,
  checkName,
  type FunctionVersion,
  type UnpackedPackage,
  unpackFunction,
} from "./catalog/index.ts";
import { TsfnError } from "./errors.ts";
import type { Layer, LayerStore } from "./layers/index.ts";
import type { Pools } from "./pool/index.ts";
import type { LayerDigest } from "./sandbox/index.ts";
import type { SecretUses } from "./secret-uses.ts";
import type { SecretStore } from "./secrets/index.ts";
import type { DeployResult } from "./surface.ts";
import { endSpan, now } from "./trace.ts";
import type { Turns } from "./turns.ts";
import type { VersionForker } from "./zygote/index.ts";

export interface DeployParts {
  readonly catalog: Catalog;
  readonly store: LayerStore;
  readonly stagingDir: string;
  readonly pools: Pools;
  readonly forker: VersionForker;
  readonly secrets: SecretStore;
  readonly uses: SecretUses;
  /** @throws TsfnError RUNTIME_NOT_INSTALLED */
  readonly layersOf: (version: Pick<FunctionVersion, "layer" | "manifest">) => Promise<readonly LayerDigest[]>;
  readonly turns: Turns;
  /** @throws TsfnError SHUTTING_DOWN */
  readonly assertOpen: () => void;
}

/** What has been received and stored. */
interface Stored {
  readonly unpacked: UnpackedPackage;
  readonly layer: Layer;
  readonly receiveMs: number;
}

export async function deploy(parts: DeployParts, name: string, packageStream: Readable): Promise<DeployResult> {
  checkName(name);
  const startedAtMs = now();
  const unpacked = await unpackFunction(packageStream, parts.stagingDir);
  const layer = await storeLayer(parts, name, unpacked);
  try {
    const stored = { unpacked, layer, receiveMs: endSpan("deploy.store", name, startedAtMs) };
    return await parts.turns.take(name, () => publish(parts, name, stored));
  } finally {
    layer.release();
  }
}

async function storeLayer({ store }: DeployParts, name: string, unpacked: UnpackedPackage) {
  try {
    if (unpacked.manifest.name !== name) {
      const message = `the package's function is named "${unpacked.manifest.name}"; it was deployed as "${name}"`;
      throw new TsfnError("PACKAGE_INVALID", message, { hint: "Deploy it under the name in its tsfn.json" });
    }
    return await store.put(unpacked.stagedDir);
  } finally {
    await unpacked.discard();
  }
}

async function publish(parts: DeployParts, name: string, stored: Stored): Promise<DeployResult> {
  parts.assertOpen();
  const { catalog, pools, forker, secrets, uses, layersOf } = parts;
  const { manifest } = stored.unpacked;
  // Said now, and not by every start.
  secrets.values(manifest.secrets);
  using _claim = uses.claim(name, manifest.secrets);
  await layersOf({ layer: stored.layer.digest, manifest });
  const current = catalog.current(name);
  if (current !== undefined && isSame(current, stored))
    return toResult(current, stored, { unchanged: true, warmMs: 0, prefork: forker.describe(current) });

  const version = await nextVersion(catalog, name, stored);
  // Said before anything is started; publishing makes sure.
  catalog.checkRoutes(version);
  const candidate = pools.candidate(version);
  const startedAtMs = now();
  try {
    await candidate.warm();
    const warmMs = endSpan("deploy.warm", name, startedAtMs);
    parts.assertOpen();
    const publishAtMs = now();
    await catalog.publish(version);
    // The old instances finish on their own time.
    void pools.swap(candidate);
    const receiveMs = stored.receiveMs + now() - publishAtMs;
    const prefork = forker.describe(version);
    return toResult(version, { ...stored, receiveMs }, { unchanged: false, warmMs, prefork });
  } catch (error) {
    await candidate.kill(new TsfnError("STARTUP_FAILED", `${name}@${version.number} was not published`));
    pools.abandon(version);
    throw error;
  }
}

function isSame(current: FunctionVersion, { layer, unpacked }: Stored): boolean {
  return current.layer === layer.digest && isDeepStrictEqual(current.manifest, unpacked.manifest);
}

async function nextVersion(catalog: Catalog, name: string, { layer, unpacked }: Stored): Promise<FunctionVersion> {
  const { manifest, sizeBytes } = unpacked;
  const number = await catalog.reserve(name);
  return { function: name, number, manifest, layer: layer.digest, sizeBytes, createdAt: new Date().toISOString() };
}

function toResult(
  version: FunctionVersion,
  { receiveMs }: Stored,
  outcome: Pick<DeployResult, "unchanged" | "warmMs" | "prefork">,
): DeployResult {
  const { function: name, number, layer: digest, sizeBytes } = version;
  return { name, version: number, digest, sizeBytes, storeMs: receiveMs, ...outcome };
}
