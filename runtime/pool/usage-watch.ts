// What an instance really uses, asked of its sandbox now and then and never on an invocation's path: for the reports of its
// invocations, and to see whether its writable layer is as clean as the guest says.

import type { Instance, InvocationReport, StartMode } from "../instance/index.ts";
import type { ExitReport, FreshLayer } from "../sandbox/index.ts";
import { now } from "../trace.ts";

/** What an invocation used, by the counters of its instance's control group. */
export interface InvocationUsage {
  /** Invocations that ended between two readings share what was used between them by their duration. */
  readonly cpuUs: number;
  /** Of the instance, since its start. */
  readonly maxMemoryBytes: number;
}

export interface UsageWatchParts {
  readonly instance: Instance;
  readonly mode: StartMode;
  readonly freshLayer: FreshLayer;
  /** What the guest puts into every fresh layer itself. */
  readonly ownInodes: number;
  /** Once for every invocation that settled, at most `readingDelayMs` later. */
  readonly report: (report: InvocationReport, usage: InvocationUsage) => void;
  /** The layer held this many inodes that the guest did not tell of, while nothing was in flight. */
  readonly hidden: (inodes: number) => void;
  readonly fault: (thrown: unknown) => void;
}

/** Short enough for a person who looks at the log, long enough that a reading is about several invocations. */
const readingDelayMs = 200;
/** As many are reported at once at most: writing thousands of reports would hold up every call meanwhile. */
const mostPending = 256;
/** A busy instance is halted for one reading when none has found it idle for so long. */
const comparisonDelayMs = 1_000;

export class UsageWatch {
  readonly #parts: UsageWatchParts;
  #pending: InvocationReport[] = [];
  #timer: NodeJS.Timeout | null = null;
  #reading: Promise<void> | null = null;
  #cpuUs = 0;
  #comparedAtMs = now();
  /** What the present layer has free when it is clean, and which layer that is. */
  #clean: { readonly swaps: number; readonly freeInodes: number } | null = null;

  constructor(parts: UsageWatchParts) {
    this.#parts = parts;
  }

  settled(report: InvocationReport): void {
    this.#pending.push(report);
    if (this.#pending.length >= mostPending && this.#reading === null) void this.read();
    else this.#readLater();
  }

  /** Whether an instance that is idle right now should be read before it goes on. */
  get isOverdue(): boolean {
    return this.#pending.length > 0 && now() - this.#comparedAtMs > comparisonDelayMs;
  }

  /** Never rejects. */
  read(): Promise<void> {
    this.#stopTimer();
    this.#reading ??= this.#read()
      .catch(this.#parts.fault)
      .finally(() => {
        this.#reading = null;
      });
    return this.#reading;
  }

  /** The process is gone: its last reports. */
  gone({ cpuUs, memoryPeakBytes }: ExitReport): void {
    this.#stopTimer();
    this.#share(this.#pending.splice(0), cpuUs, memoryPeakBytes);
  }

  async #read(): Promise<void> {
    const { instance, freshLayer, ownInodes } = this.#parts;
    if (instance.state === "dead") return;
    const before = idleMark(instance);
    // What settles from now on may not be in the figures that come.
    const count = this.#pending.length;
    const usage = await usageOf(instance);
    if (usage === null) return;
    const isIdle = before !== null && idleMark(instance) === before;
    // What an invocation in flight has used is its own to report.
    if (count > 0 || isIdle) this.#share(this.#pending.splice(0, count), usage.cpuUs, usage.memoryPeakBytes);
    if (this.#pending.length > 0) this.#readLater();
    // Only a layer that nobody had a reason to write to meanwhile can be compared.
    if (!isIdle || keepsLayer(instance)) return;
    const { swaps } = instance.layer;
    const fresh = await freshLayer.freeInodes(instance.sandbox.describe().limits.diskInodes);
    if (fresh !== null) this.#compare(usage.layerFreeInodes, fresh - ownInodes, swaps);
  }

  #share(reports: readonly InvocationReport[], cpuUs: number, maxMemoryBytes: number): void {
    const usedUs = Math.max(0, cpuUs - this.#cpuUs);
    this.#cpuUs = Math.max(this.#cpuUs, cpuUs);
    const totalMs = reports.reduce((sum, { durationMs }) => sum + durationMs, 0);
    for (const report of reports) {
      const share = totalMs > 0 ? report.durationMs / totalMs : 1 / reports.length;
      this.#parts.report(report, { cpuUs: usedUs * share, maxMemoryBytes });
    }
  }

  #compare(freeInodes: number, fresh: number, swaps: number): void {
    this.#comparedAtMs = now();
    const { mode, hidden } = this.#parts;
    // What it wrote while loading belongs to its first layer, unless it was loaded before the fork.
    const isFirst = swaps === 0 && mode !== "function";
    if (this.#clean?.swaps !== swaps) this.#clean = { swaps, freeInodes: isFirst ? freeInodes : fresh };
    if (freeInodes < this.#clean.freeInodes) hidden(this.#clean.freeInodes - freeInodes);
  }

  #readLater(): void {
    this.#timer ??= setTimeout(() => void this.read(), readingDelayMs).unref();
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

/** Its program stays in the layer that it began with. */
function keepsLayer({ version }: Instance): boolean {
  return version.manifest.runtime === "provided";
}

/** The same as long as nothing was handed over in between; null while something is in flight. */
function idleMark({ inFlight, served, layer, state }: Instance): number | null {
  return inFlight > 0 || layer.swappingSinceMs !== null || state !== "ready" ? null : served;
}

/** A sandbox may be destroyed while it is looked at; its end tells the rest. */
function usageOf({ sandbox, state }: Instance) {
  return sandbox.usage().catch((thrown: unknown) => {
    if (state === "ready") throw thrown;
    return null;
  });
}
