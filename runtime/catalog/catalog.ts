// The record of what is deployed: name → versions → the current one. Reads come from memory and never wait; writes go to
// catalog-worker.ts and count only once they are on disk.

import { Worker } from "node:worker_threads";
import { TsfnError } from "../errors.ts";
import type { LayerDigest } from "../sandbox/index.ts";
import { type Alias, checkAlias } from "./alias.ts";
import type { CatalogFailure, CatalogOptions, CatalogReply, CatalogRequest, CatalogRows } from "./catalog-messages.ts";
import { LiveRoutes } from "./live-routes.ts";
import type { FunctionVersion } from "./version.ts";

export interface Catalog {
  /** The current version of every function, by name. */
  list(): readonly FunctionVersion[];
  /** The version that new invocations get. On the way of every invocation: one look into a Map. */
  current(name: string): FunctionVersion | undefined;
  get(name: string, number: number): FunctionVersion | undefined;
  /** Oldest first; empty when there is no such function. */
  versions(name: string): readonly FunctionVersion[];
  /** Whose live version has the most specific custom route for a request. As cheap as `current`. */
  routeTo(host: string, path: string): string | undefined;
  /** Whether a version could be live beside the others. @throws TsfnError ROUTE_CONFLICT */
  checkRoutes(version: FunctionVersion): void;
  /** Every layer that some version needs. */
  layers(): ReadonlySet<LayerDigest>;
  /** The number of the next version. Never given twice, not even after `remove` or a crash. */
  reserve(name: string): Promise<number>;
  /**
   * Records a version whose number was reserved, and makes it current in the same transaction.
   * @throws TsfnError ROUTE_CONFLICT
   */
  publish(version: FunctionVersion): Promise<void>;
  /** Makes a published version the current one. @throws TsfnError ROUTE_CONFLICT */
  activate(version: FunctionVersion): Promise<void>;
  /** By name. */
  aliases(name: string): ReadonlyMap<string, Alias>;
  /** Makes or moves one; its version is published. @throws TsfnError REQUEST_MALFORMED */
  putAlias(alias: Alias): Promise<void>;
  /** False when there is none. */
  deleteAlias(name: string, alias: string): Promise<boolean>;
  /** Forgets all versions of a function; false when there is none. */
  remove(name: string): Promise<boolean>;
  /** Waits for what was asked before. Later writes are refused. */
  close(): Promise<void>;
}

/** `dir` exists and is ours alone. @throws TsfnError DATA_DIR_UNUSABLE, DATA_DIR_IN_USE, DISK_FULL */
export async function openCatalog(dir: string, options: Pick<CatalogOptions, "durability">): Promise<Catalog> {
  const worker = startWorker({ dir, ...options });
  try {
    const functions = toFunctions((await worker.ask({ verb: "open" })) as CatalogRows);
    return fromParts(functions, worker);
  } catch (error) {
    await worker.end();
    throw error;
  }
}

/** One function in memory. */
interface Entry {
  readonly versions: Map<number, FunctionVersion>;
  readonly aliases: Map<string, Alias>;
  current: FunctionVersion;
}

function toFunctions({ versions, aliases }: CatalogRows): Map<string, Entry> {
  const functions = new Map<string, Entry>();
  for (const { version, isCurrent } of versions) addVersion(functions, version, isCurrent);
  for (const alias of aliases) functions.get(alias.function)?.aliases.set(alias.name, alias);
  return functions;
}

function addVersion(functions: Map<string, Entry>, version: FunctionVersion, isCurrent: boolean): void {
  const entry = functions.get(version.function) ?? { versions: new Map(), aliases: new Map(), current: version };
  entry.versions.set(version.number, version);
  if (isCurrent) entry.current = version;
  functions.set(version.function, entry);
}

const none: ReadonlyMap<string, Alias> = new Map();

function fromParts(functions: Map<string, Entry>, worker: CatalogWorker): Catalog {
  const routes = new LiveRoutes(() => [...functions.values()].map(({ current }) => current));
  return {
    list: () => [...functions.values()].map(({ current }) => current).sort(byName),
    current: (name) => functions.get(name)?.current,
    get: (name, number) => functions.get(name)?.versions.get(number),
    versions: (name) => [...(functions.get(name)?.versions.values() ?? [])],
    routeTo: (host, path) => routes.find(host, path),
    checkRoutes: (version) => routes.check(version),
    layers: () => new Set([...functions.values()].flatMap(({ versions }) => [...versions.values()].map(layerOf))),
    reserve: async (name) => (await worker.ask({ verb: "reserve", name })) as number,
    publish: (version) =>
      routes.claim(version, async () => {
        await worker.ask({ verb: "publish", version });
        addVersion(functions, version, true);
      }),
    activate: (version) =>
      routes.claim(version, async () => {
        await worker.ask({ verb: "activate", name: version.function, number: version.number });
        addVersion(functions, version, true);
      }),
    aliases: (name) => functions.get(name)?.aliases ?? none,
    async putAlias(alias) {
      const known = functions.get(alias.function)?.aliases ?? none;
      checkAlias(alias, known.has(alias.name) ? 0 : known.size);
      await worker.ask({ verb: "putAlias", alias });
      functions.get(alias.function)?.aliases.set(alias.name, alias);
    },
    async deleteAlias(name, alias) {
      const count = await worker.ask({ verb: "deleteAlias", function: name, name: alias });
      functions.get(name)?.aliases.delete(alias);
      return count !== 0;
    },
    async remove(name) {
      const count = await worker.ask({ verb: "remove", name });
      functions.delete(name);
      routes.rebuild();
      return count !== 0;
    },
    close: () => worker.end(),
  };
}

function byName(a: FunctionVersion, b: FunctionVersion): number {
  return a.function < b.function ? -1 : 1;
}

function layerOf({ layer }: FunctionVersion): LayerDigest {
  return layer;
}

interface CatalogWorker {
  ask(request: CatalogRequest): Promise<CatalogRows | number>;
  /** Idempotent. */
  end(): Promise<void>;
}

/** Every request is answered: by the worker, or with an error when the worker is gone. */
function startWorker(options: CatalogOptions): CatalogWorker {
  // Without the process's own flags, some of which a worker refuses.
  const worker = new Worker(new URL("./catalog-worker.ts", import.meta.url), { workerData: options, execArgv: [] });
  const waiting = new Map<number, PromiseWithResolvers<CatalogRows | number>>();
  let lastId = 0;
  let gone: TsfnError | undefined;
  const fail = (cause?: Error) => {
    gone ??= new TsfnError("INTERNAL", `the catalog's worker ended: ${cause?.message ?? "it was closed"}`, { cause });
    for (const { reject } of waiting.values()) reject(gone);
    waiting.clear();
  };
  const exited = new Promise<void>((resolve) => {
    worker.once("exit", () => {
      fail();
      resolve();
    });
  });
  worker.on("error", fail);
  worker.on("message", ({ id, ...reply }: { id: number } & CatalogReply) => {
    const asked = waiting.get(id);
    waiting.delete(id);
    if ("failure" in reply) asked?.reject(toError(options.dir, reply.failure));
    else asked?.resolve(reply.value);
  });
  const ask = (request: CatalogRequest) => {
    if (gone !== undefined) return Promise.reject(gone);
    worker.postMessage({ id: ++lastId, request });
    const answer = Promise.withResolvers<CatalogRows | number>();
    waiting.set(lastId, answer);
    return answer.promise;
  };
  const end = async () => {
    if (gone === undefined) await ask({ verb: "close" }).catch(fail);
    fail();
    await exited;
  };
  return { ask, end };
}

// https://sqlite.org/rescode.html; the low byte is the primary code.
const full = 13;
const busy = 5;
const shmSize = 4874;
const unusable = new Set([8, 10, 11, 14, 24, 26]);

function toError(dir: string, { message, sqliteCode, whileOpening }: CatalogFailure): TsfnError {
  const file = `${dir}/catalog.sqlite`;
  const primary = (sqliteCode ?? 0) & 0xff;
  if (primary === full || sqliteCode === shmSize) return new TsfnError("DISK_FULL", `no room to write ${file}`);
  if (primary === busy) return new TsfnError("DATA_DIR_IN_USE", `another process holds ${file}`);
  if (whileOpening || unusable.has(primary)) {
    return new TsfnError("DATA_DIR_UNUSABLE", `${file} cannot be used: ${message}`, {
      hint: "Restore it from a backup, or choose another directory with --data-dir",
    });
  }
  return new TsfnError("INTERNAL", `${file}: ${message}`);
}
