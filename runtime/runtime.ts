// The recipe of the runtime: find the version, acquire an instance, call it. Knows all neighbours (catalog, layers, pool,
// logs); the steps of a deploy are deploy.ts, the parts are put together in open-runtime.ts.

import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { Catalog, FunctionVersion } from "./catalog/index.ts";
import { deploy } from "./deploy.ts";
import { describeInstances, snapshotOf, summaryOf } from "./describe.ts";
import { asTsfnError, TsfnError } from "./errors.ts";
import type { Answer, Invocation } from "./invocation.ts";
import type { LayerStore } from "./layers/index.ts";
import type { LogStore } from "./logs/index.ts";
import type { ObserverHub } from "./observer.ts";
import type { Pools } from "./pool/index.ts";
import { rollBack } from "./rollback.ts";
import type { LayerDigest } from "./sandbox/index.ts";
import { SecretUses } from "./secret-uses.ts";
import type { SecretStore } from "./secrets/index.ts";
import type { LogOptions, Runtime } from "./surface.ts";
import { Turns } from "./turns.ts";
import type { VersionForker } from "./zygote/index.ts";

export interface RuntimeParts {
  readonly catalog: Catalog;
  readonly store: LayerStore;
  readonly stagingDir: string;
  readonly pools: Pools;
  readonly forker: VersionForker;
  readonly logs: LogStore;
  readonly hub: ObserverHub;
  readonly secrets: SecretStore;
  /** Topmost first: its own, then the base layers. @throws TsfnError RUNTIME_NOT_INSTALLED */
  readonly layersOf: (version: Pick<FunctionVersion, "layer" | "manifest">) => Promise<readonly LayerDigest[]>;
}

/** How long `close` waits for killed instances; what is left then goes with the warden. */
const closeTimeoutMs = 5_000;

export function createRuntime(parts: RuntimeParts): Runtime {
  const { catalog, pools, forker, logs, hub, secrets } = parts;
  const turns = new Turns();
  const uses = new SecretUses(catalog);
  const stopping = new TsfnError("SHUTTING_DOWN", "the server is shutting down", { retryAfterS: 5 });
  let isStopping = false;
  let closed: Promise<void> | null = null;
  const assertOpen = () => {
    if (isStopping) throw stopping;
  };
  const existing = (name: string): FunctionVersion => {
    const version = catalog.current(name);
    if (version === undefined) throw notFound(name);
    return version;
  };
  const replaceInstances = async (version: FunctionVersion): Promise<void> => {
    const emptied = pools.swap(pools.candidate(version));
    if (isQuiet(pools, version.function)) await emptied;
  };

  return {
    invoke(invocation: Invocation): Promise<Answer> {
      if (isStopping) return Promise.reject(stopping);
      const { functionName, version: pinned } = invocation;
      if (pinned !== undefined && pinned !== catalog.current(functionName)?.number) {
        const older = catalog.get(functionName, pinned);
        return older === undefined
          ? Promise.reject(notFound(functionName, pinned))
          : pools.pinned(older).invoke(invocation);
      }
      const live = pools.live(functionName);
      if (live !== undefined) return live.invoke(invocation);
      const version = catalog.current(invocation.functionName);
      if (version === undefined) return Promise.reject(notFound(invocation.functionName));
      return pools.open(version).invoke(invocation);
    },

    current: (name) => catalog.current(name),
    version: (name, number) => catalog.get(name, number),
    routeTo: (host, path) => catalog.routeTo(host, path),
    aliases: (name) => catalog.aliases(name),

    async putAlias(alias) {
      const { function: name, version } = alias;
      await turns.take(name, () => {
        if (catalog.get(existing(name).function, version) === undefined) throw notFound(name, version);
        return catalog.putAlias(alias);
      });
    },

    async deleteAlias(name, alias) {
      return await turns.take(name, () => catalog.deleteAlias(existing(name).function, alias));
    },

    secrets: () => secrets.list().map((secret) => ({ ...secret, functions: uses.live(secret.name) })),

    async putSecret(name, value) {
      assertOpen();
      await secrets.put(name, value);
      // Those in flight finish with what they have. Who is getting a version that names it is done first.
      const renew = (user: string) =>
        turns.take(user, async () => {
          assertOpen();
          if (uses.live(name).includes(user)) await replaceInstances(existing(user));
        });
      await tryEach(new Set([...uses.live(name), ...uses.coming(name)]), renew, `${name} is kept`);
    },

    async deleteSecret(name) {
      assertOpen();
      const [users, coming] = [uses.live(name), uses.coming(name)];
      const refuse = (why: string) => new TsfnError("SECRET_IN_USE", `${name} cannot be deleted: ${why}`);
      if (users.length > 0) throw refuse(`the live version of ${users.join(", ")} names it`);
      if (coming.length > 0) throw refuse(`the version of ${coming.join(", ")} that is being deployed names it`);
      await secrets.delete(name);
    },

    async deploy(name: string, packageStream: Readable) {
      assertOpen();
      try {
        return await deploy({ ...parts, turns, uses, assertOpen }, name, packageStream);
      } finally {
        collectInBackground(parts);
      }
    },

    async remove(name) {
      assertOpen();
      const { emptied } = await turns.take(name, () => unpublish(parts, existing(name)));
      // A function in the middle of an invocation is gone for new callers; its last answer may take a while.
      const cleaned = emptied.then(() => turns.take(name, () => forget(parts, name)));
      if (isQuiet(pools, name)) await cleaned;
      else cleaned.catch((thrown: unknown) => hub.fault(asTsfnError(thrown)));
    },

    async restart(name, { zygote }) {
      assertOpen();
      await turns.take(name, async () => {
        // First: the new pool may start instances at once.
        if (zygote) forker.renew(existing(name));
        await replaceInstances(existing(name));
      });
    },

    async rollback(name, version) {
      assertOpen();
      return await turns.take(name, () => rollBack({ ...parts, turns, uses, assertOpen }, existing(name), version));
    },

    async scale(name, instances) {
      assertOpen();
      await turns.take(name, async () => {
        const version = existing(name);
        const { scaling } = version.manifest;
        if (instances > scaling.max) {
          const message = `${name} cannot be scaled to ${instances}; wanted at most scaling.max, which is ${scaling.max}`;
          throw new TsfnError("REQUEST_MALFORMED", message, { hint: "Raise scaling.max in tsfn.json" });
        }
        const manifest = { ...version.manifest, scaling: { ...scaling, min: instances } };
        await replaceInstances({ ...version, manifest });
      });
    },

    versions: (name) => ({ live: existing(name).number, versions: catalog.versions(name) }),

    list: () => catalog.list().map((version) => summaryOf(version, pools.all(version.function))),

    async inspect(name) {
      const current = existing(name);
      const own = pools.all(name);
      return {
        ...summaryOf(current, own),
        current,
        prefork: forker.describe(current),
        layers: await parts.layersOf(current).catch(() => [current.layer]),
        versions: catalog.versions(name),
        instanceList: await describeInstances(own),
      };
    },

    instances: () => describeInstances(pools.all()),

    logs(name, options: LogOptions) {
      existing(name);
      return options.follow ? logs.follow(name, options) : logs.read(name, options);
    },

    snapshot: () => catalog.list().map((version) => snapshotOf(version, pools.all(version.function))),

    observe: (observer) => hub.add(observer),

    async drain(graceMs) {
      isStopping = true;
      const drained = Promise.all(pools.all().map((pool) => pool.drain(stopping)));
      await within(graceMs, drained);
    },

    close() {
      isStopping = true;
      closed ??= closeAll(parts, stopping);
      return closed;
    },
  };
}

/** Takes a function away from callers; `emptied` resolves when its last instance is gone. */
async function unpublish({ catalog, store, pools }: RuntimeParts, { function: name }: FunctionVersion) {
  // Instances in flight stand on these layers, though the catalog names them no more.
  const releases = catalog.versions(name).map(({ layer }) => store.hold(layer));
  await catalog.remove(name);
  const emptied = pools.remove(name, notFound(name)).finally(() => {
    for (const release of releases) release();
  });
  return { emptied };
}

/** Unless it was deployed again meanwhile. */
async function forget(parts: RuntimeParts, name: string): Promise<void> {
  if (parts.catalog.current(name) === undefined) await parts.logs.remove(name);
  collectInBackground(parts);
}

/**
 * Every published version keeps its layer until its function is removed, and base layers are held, so that nothing live can
 * be collected.
 */
function collectInBackground({ catalog, store, hub }: RuntimeParts): void {
  store.collect(new Set(catalog.layers())).catch((thrown: unknown) => hub.fault(asTsfnError(thrown)));
}

/** Whether nothing of the function is in flight, so that retiring takes a moment only. */
function isQuiet(pools: Pools, name: string): boolean {
  return pools.all(name).every((pool) => [...pool.slots].every(({ inFlight }) => inFlight === 0));
}

async function closeAll({ pools, forker, logs, catalog }: RuntimeParts, refusal: TsfnError): Promise<void> {
  const killed = Promise.all(pools.all().map((pool) => pool.kill(refusal)));
  await within(closeTimeoutMs, Promise.all([killed, forker.close()]));
  await logs.flush();
  await catalog.close();
}

async function within(timeoutMs: number, work: Promise<unknown>): Promise<void> {
  const timer = new AbortController();
  const timeout = sleep(timeoutMs, undefined, { signal: timer.signal }).catch(() => undefined);
  await Promise.race([work, timeout]);
  timer.abort();
}

/** One after the other, the rest also when some fail. @param done what holds already, for the message of what failed */
async function tryEach(names: Iterable<string>, act: (name: string) => Promise<void>, done: string): Promise<void> {
  const failed: { readonly name: string; readonly error: TsfnError }[] = [];
  for (const name of names) {
    await act(name).catch((thrown: unknown) => failed.push({ name, error: asTsfnError(thrown) }));
  }
  const [first] = failed;
  if (first === undefined) return;
  const whys = failed.map(({ name, error }) => `${name}: ${error.message}`).join("; ");
  const message = `${done}, but not every instance was replaced: ${whys}`;
  throw new TsfnError(first.error.code, message, { ...first.error.fields, cause: first.error });
}

function notFound(name: string, version?: number): TsfnError {
  const known = name.length > 63 ? `${name.slice(0, 63)}…` : name;
  if (version === undefined) return new TsfnError("FUNCTION_NOT_FOUND", `no function is deployed as "${known}"`);
  return new TsfnError("VERSION_NOT_FOUND", `"${known}" has no version ${version}`, { function: known });
}
