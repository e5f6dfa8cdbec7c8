// What the gateway may ask of the runtime, without code: one interface, what it answers, and what an observer hears.
// runtime.ts is the recipe behind it; the errors it throws are TsfnErrors of errors.ts.

import type { Readable } from "node:stream";
import type { Alias, FunctionVersion } from "./catalog/index.ts";
import type { TsfnError } from "./errors.ts";
import type { StartReport } from "./instance/index.ts";
import type { Answer, Invocation } from "./invocation.ts";
import type { LogFilter, LogRecord } from "./logs/index.ts";
import type { ExitReport, LayerDigest, SandboxDescription, SandboxUsage } from "./sandbox/index.ts";
import type { SecretDescription } from "./secrets/index.ts";
import type { StartDescription } from "./zygote/index.ts";

export interface Runtime {
  /**
   * Resolves with the head of the answer. Rejects with FUNCTION_NOT_FOUND, CONCURRENCY_LIMIT, NO_CAPACITY,
   * STARTUP_FAILED, SHUTTING_DOWN, what `Instance.invoke` rejects with, or the reason of the invocation's signal.
   */
  invoke(invocation: Invocation): Promise<Answer>;
  /** The live version of a function, for limits that hold before the call. Synchronous, no disk. */
  current(name: string): FunctionVersion | undefined;
  /** A published version. Synchronous, no disk. */
  version(name: string, number: number): FunctionVersion | undefined;
  /**
   * The function whose live version has the most specific custom route for a request. Synchronous, no disk.
   * @param host in lower case, without a port @param path without the query; begins with a slash
   */
  routeTo(host: string, path: string): string | undefined;
  /** A function's aliases by name. Synchronous, no disk. */
  aliases(name: string): ReadonlyMap<string, Alias>;
  /** Makes or moves one. @throws FUNCTION_NOT_FOUND, VERSION_NOT_FOUND, REQUEST_MALFORMED */
  putAlias(alias: Alias): Promise<void>;
  /** False when there is none. @throws FUNCTION_NOT_FOUND */
  deleteAlias(name: string, alias: string): Promise<boolean>;
  /** Names and times, never values; with the functions whose live version names each. */
  secrets(): readonly SecretSummary[];
  /**
   * On disk when it resolves. Functions that name it get new instances with it, also those that are being deployed.
   * @throws SECRET_INVALID, DISK_FULL; what replacing instances throws, when it is kept and the others have been replaced
   */
  putSecret(name: string, value: string): Promise<void>;
  /** @throws SECRET_NOT_FOUND, SECRET_IN_USE while a live version names it, or one that is being deployed */
  deleteSecret(name: string): Promise<void>;
  /**
   * Stores, proves by starting it, and publishes a package made by `packFunction`. Acknowledged only when it is on
   * disk. On any failure the version that was live stays live, also when another function has one of its routes
   * (ROUTE_CONFLICT).
   */
  deploy(name: string, packageStream: Readable): Promise<DeployResult>;
  /** Invocations in flight are answered, waiting ones get FUNCTION_NOT_FOUND. @throws FUNCTION_NOT_FOUND */
  remove(name: string): Promise<void>;
  /**
   * Retires the function's instances, and with `zygote` the process they are forked from, so that the next call is a cold
   * start. @throws FUNCTION_NOT_FOUND
   */
  restart(name: string, what: RestartOptions): Promise<void>;
  /**
   * Keeps so many instances ready until the next deployment or restart of the server, and replaces those there are.
   * @throws FUNCTION_NOT_FOUND, REQUEST_MALFORMED over `scaling.max`
   */
  scale(name: string, instances: number): Promise<void>;
  /**
   * Makes an older version the live one, once it has proven that it starts; null: the newest before the live one. On any failure the
   * version that was live stays live. @throws FUNCTION_NOT_FOUND, VERSION_NOT_FOUND, what a deploy's start throws
   */
  rollback(name: string, version: number | null): Promise<RollbackResult>;
  /** Oldest first; `live` is the number of the one that is called. @throws FUNCTION_NOT_FOUND */
  versions(name: string): { readonly live: number; readonly versions: readonly FunctionVersion[] };
  list(): readonly FunctionSummary[];
  /** @throws FUNCTION_NOT_FOUND */
  inspect(name: string): Promise<FunctionDescription>;
  instances(): Promise<readonly InstanceDescription[]>;
  /**
   * Ends after the last record, or with `follow` when the signal aborts or the function is removed; survives redeploys.
   * @throws FUNCTION_NOT_FOUND at once, before anything is read
   */
  logs(name: string, options: LogOptions): AsyncIterable<LogRecord>;
  /** Present state for gauges. */
  snapshot(): readonly PoolSnapshot[];
  /** Hears what happens from now on; returns the way to stop. */
  observe(observer: RuntimeObserver): () => void;
  /** New invocations and deploys get SHUTTING_DOWN; resolves when those in flight are answered, or after graceMs. */
  drain(graceMs: number): Promise<void>;
  /** Kills what is left and closes the catalog and the logs. Idempotent. */
  close(): Promise<void>;
}

export interface SecretSummary extends SecretDescription {
  readonly functions: readonly string[];
}

export interface DeployResult {
  readonly name: string;
  readonly version: number;
  readonly digest: LayerDigest;
  readonly sizeBytes: number;
  /** True when the same content and manifest were live already: nothing was published. */
  readonly unchanged: boolean;
  /** Milliseconds to receive, store and publish. */
  readonly storeMs: number;
  /** Milliseconds until the candidate's instances were ready. */
  readonly warmMs: number;
  /** How its instances start. */
  readonly prefork: StartDescription;
}

export interface RollbackResult {
  readonly name: string;
  /** The live one from now on, and the one that was. */
  readonly version: number;
  readonly previous: number;
  /** True when it was live already. */
  readonly unchanged: boolean;
  /** Milliseconds until its instances were ready. */
  readonly warmMs: number;
  readonly prefork: StartDescription;
}

export interface RestartOptions {
  readonly zygote: boolean;
}

export interface LogOptions {
  /** How many of the last stored records come first. */
  readonly tail: number;
  readonly follow: boolean;
  readonly filter?: LogFilter;
  readonly signal: AbortSignal;
}

export interface FunctionSummary extends PoolSnapshot {
  /** ISO 8601, of the live version. */
  readonly createdAt: string;
  readonly sizeBytes: number;
}

export interface FunctionDescription extends FunctionSummary {
  readonly current: FunctionVersion;
  readonly prefork: StartDescription;
  /** Topmost first, as an instance's root is made of them. */
  readonly layers: readonly LayerDigest[];
  /** Every published version, oldest first. */
  readonly versions: readonly FunctionVersion[];
  readonly instanceList: readonly InstanceDescription[];
}

export interface InstanceDescription {
  readonly function: string;
  readonly version: number;
  readonly id: string;
  readonly state: "starting" | "idle" | "busy" | "retiring";
  readonly inFlight: number;
  readonly served: number;
  readonly ageMs: number;
  readonly idleMs: number | null;
  /** null while it starts. */
  readonly sandbox: SandboxDescription | null;
  /** null while it starts or when the sandbox is already going. */
  readonly usage: SandboxUsage | null;
}

/** One function's live version and what its pool holds. */
export interface PoolSnapshot {
  readonly function: string;
  readonly version: number;
  /** Invocations in the waiting line. */
  readonly waiting: number;
  readonly starting: number;
  readonly idle: number;
  readonly busy: number;
  /** Includes those of older versions that still finish. */
  readonly retiring: number;
}

/** Called synchronously; must not throw. Every member is optional. */
export interface RuntimeObserver {
  /** An invocation reached an instance. */
  handedOver?(event: HandOver): void;
  /** An invocation is over: answered, failed or refused. */
  invocationEnded?(event: InvocationEnd): void;
  instanceStarted?(event: InstanceStart): void;
  instanceFailed?(event: InstanceFailure): void;
  instanceGone?(event: InstanceEnd): void;
  /** A function's process hid that it wrote to its layer; it is replaced. */
  layerHidden?(event: HiddenLayer): void;
  /** Work in the background failed, such as destroying a sandbox: for the server's own log. */
  fault?(error: TsfnError): void;
}

export interface HandOver {
  readonly function: string;
  readonly version: number;
  readonly cold: boolean;
  readonly queueMs: number;
  readonly initMs: number;
}

export interface InvocationEnd {
  readonly function: string;
  readonly version: number;
  /** `ok` or an ErrorCode. */
  readonly outcome: string;
  readonly cold: boolean;
  /** Since it was handed over; since it was accepted when it never was. */
  readonly durationMs: number;
}

export interface InstanceStart extends StartReport {
  readonly function: string;
  readonly version: number;
  readonly instance: string;
}

export interface InstanceFailure {
  readonly function: string;
  readonly version: number;
  readonly instance: string;
  /** An ErrorCode. */
  readonly code: string;
}

export interface HiddenLayer {
  readonly function: string;
  readonly version: number;
  readonly instance: string;
  /** How many its layer holds that it did not tell of. */
  readonly inodes: number;
}

export interface InstanceEnd {
  readonly function: string;
  readonly version: number;
  readonly instance: string;
  readonly exit: ExitReport;
}
