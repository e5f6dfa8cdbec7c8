// Puts the runtime together from the settings and something that makes sandboxes: opens the catalog, the layers and the
// logs, builds the base layers, and starts what functions keep warm.

import { mkdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { type Catalog, defaultNode, type FunctionVersion, nodeOf, openCatalog } from "./catalog/index.ts";
import type { Settings } from "./config.ts";
import { asTsfnError } from "./errors.ts";
import { startInstance } from "./instance/index.ts";
import { type BaseLayers, createBaseLayers, openLayerStore } from "./layers/index.ts";
import { defaultLogLimits, openLogStore } from "./logs/index.ts";
import { createObserverHub, type ObserverHub } from "./observer.ts";
import { Budget, capacityOf, openFilesLimit, Pool, type PoolParts, Pools } from "./pool/index.ts";
import { createRuntime } from "./runtime.ts";
import { createSandboxPool, freshLayer, type SandboxFactory } from "./sandbox/index.ts";
import { openSecretStore } from "./secrets/index.ts";
import type { Runtime, RuntimeObserver } from "./surface.ts";
import { now } from "./trace.ts";
import { noForker, ZygoteForker, Zygotes } from "./zygote/index.ts";

export interface RuntimeOptions {
  readonly settings: Omit<Settings, "listen" | "adminListen" | "adminSocket" | "adminTokenSha256" | "graceMs">;
  readonly sandboxes: SandboxFactory;
  /** Hears from the first moment on, before anything is started. */
  readonly observer: RuntimeObserver;
}

/** From the first frame to ready; loading a module that takes longer counts as failed. */
const startTimeoutMs = 10_000;
const zygoteLife = { maxForks: 1_000, maxAgeMs: 60 * 60_000 };
/** How long a function without an instance waits on a full, busy machine before another function gives one up. */
const patienceMs = 250;

/** @throws TsfnError DATA_DIR_UNUSABLE, DATA_DIR_IN_USE, DISK_FULL */
export async function openRuntime({ settings, sandboxes, observer }: RuntimeOptions): Promise<Runtime> {
  const { durability } = settings;
  const dirs = await makeDirs(settings.dataDir);
  const hub = createObserverHub();
  hub.add(observer);
  const opening = openCatalog(dirs.state, { durability });
  const [catalog, { store, baseLayers }] = await Promise.all([opening, openLayers(dirs, durability)]).catch(
    async (thrown: unknown) => {
      // Whichever failed, the catalog's thread must not outlive it.
      await opening.then((opened) => opened.close(), ignoreSecondFailure);
      throw thrown;
    },
  );
  const secrets = await openSecretStore(dirs.state).catch(async (thrown: unknown) => {
    await catalog.close();
    throw thrown;
  });
  const fault = (thrown: unknown) => hub.fault(asTsfnError(thrown));
  await prepareOtherNodes(catalog, baseLayers, fault);
  const layersOf = async ({ layer, manifest }: Pick<FunctionVersion, "layer" | "manifest">) => [
    layer,
    ...(await baseLayers.of(nodeOf(manifest.runtime))),
  ];
  const logs = openLogStore(dirs.logs, defaultLogLimits, fault);
  // Of functions that were removed just before the server ended: their names may get other owners.
  await logs.keepOnly(new Set(catalog.list().map((version) => version.function))).catch(fault);
  const forker = sandboxes.canFork ? openForker(settings, sandboxes, baseLayers, hub) : noForker;
  const shared: Omit<PoolParts, "version" | "estimates"> = {
    sandboxes,
    forker,
    secrets: (names) => secrets.values(names),
    freshLayer: freshLayer(sandboxes, await baseLayers.of(defaultNode)),
    startInstance: async (options) => startInstance({ ...options, layers: await layersOf(options.version) }),
    startTimeoutMs,
    budget: new Budget(budgetLimits(settings, await openFilesLimit()), now),
    lineLimits: { maxWaiting: settings.maxWaiting, maxWaitingBytes: settings.maxWaitingBytes },
    log: (line) => logs.append(line),
    events: hub,
  };
  const pools = new Pools(
    (version, estimates) => new Pool({ ...shared, version, estimates }),
    (version) => forker.drop(version),
  );
  for (const version of catalog.list()) if (version.manifest.scaling.min > 0) pools.open(version);
  return createRuntime({ catalog, store, stagingDir: dirs.staging, pools, forker, logs, hub, secrets, layersOf });
}

function openForker(
  { zygotesReady: ready, zygoteMemoryBytes: memoryBytes, sandboxesReady: size }: RuntimeOptions["settings"],
  sandboxes: SandboxFactory,
  baseLayers: BaseLayers,
  hub: ObserverHub,
): ZygoteForker {
  const fault = (thrown: unknown) => hub.fault(asTsfnError(thrown));
  return new ZygoteForker({
    zygotes: new Zygotes({ sandboxes, baseLayers, ready, memoryBytes, ...zygoteLife, fault }),
    sandboxes: createSandboxPool({ sandboxes, size, fault }),
    fault,
  });
}

async function openLayers(dirs: Dirs, durability: Settings["durability"]) {
  const store = await openLayerStore({ dir: dirs.layers, stagingDir: dirs.staging, durability });
  const baseLayers = createBaseLayers(store, dirs.state);
  // Most are of this one, and the zygotes made ahead.
  await baseLayers.of(defaultNode);
  return { store, baseLayers };
}

/** Those of versions that are there, so that they are not collected, and no call waits for their making. */
async function prepareOtherNodes(catalog: Catalog, baseLayers: BaseLayers, fault: (thrown: unknown) => void) {
  const versions = catalog.list().flatMap(({ function: name }) => catalog.versions(name));
  for (const node of new Set(versions.map(({ manifest }) => nodeOf(manifest.runtime)))) {
    // One that is not installed any more fails its own versions only.
    await baseLayers.of(node).catch(fault);
  }
}

/** The catalog that did not open needs no closing; its error is the one thrown, or came second. */
function ignoreSecondFailure(): void {}

function budgetLimits(settings: RuntimeOptions["settings"], openFiles: number) {
  return { ...capacityOf(settings, openFiles), maxStarting: 2 * availableParallelism(), patienceMs };
}

interface Dirs {
  readonly layers: string;
  readonly staging: string;
  readonly logs: string;
  readonly state: string;
}

/** The server's start makes them with the right owner; here they are made when it has not, as in tests. */
async function makeDirs(dataDir: string): Promise<Dirs> {
  const dirs: Dirs = {
    layers: join(dataDir, "layers"),
    staging: join(dataDir, "staging"),
    logs: join(dataDir, "logs"),
    state: join(dataDir, "state"),
  };
  await Promise.all(Object.values(dirs).map((dir) => mkdir(dir, { recursive: true, mode: 0o700 })));
  return dirs;
}
