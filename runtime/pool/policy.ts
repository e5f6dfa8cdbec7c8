// How many instances a version should start or let go, and how long a crashing one is left alone. Pure: no clock, no
// I/O, so that test/pool/policy.test.ts can hold its rules against any situation. pool.ts acts on it.

export interface PoolView {
  /** Invocations in the waiting line. */
  readonly waiting: number;
  /** Instances on their way to ready. */
  readonly starting: number;
  /** For each instance that takes invocations: how long it has been at work without finishing one; 0 when idle. */
  readonly busyMs: readonly number[];
  /** For each instance that has finished its work and is getting a fresh writable layer: for how long. */
  readonly resettingMs: readonly number[];
  /** Since the last invocation of the version that ended; infinite before the first. */
  readonly freedMs: number;
  /** Every instance that is not gone yet: starting, taking invocations, or finishing. */
  readonly held: number;
  /** Invocations one instance runs at the same time. */
  readonly concurrency: number;
  /** `reuse: "never"`: an instance serves one invocation and is gone. */
  readonly singleUse: boolean;
  /** Single-use instances to hold ready beyond the line, so that the start's price is paid between invocations. */
  readonly spare: number;
  readonly min: number;
  readonly max: number;
  /** Usual duration of an invocation; null before the first one. */
  readonly serviceMs: number | null;
  /** Usual duration of a start. */
  readonly startMs: number;
}

/**
 * Instances to start beyond those starting; the machine's own limits come after (budget.ts). A start is worth its
 * price only for what would still be waiting when it has finished, so a warm version does not start a herd for a line
 * that drains in a millisecond, and a line behind slow invocations does not wait for them.
 */
export function startsWanted(view: PoolView): number {
  const { starting, busyMs, resettingMs, min, max, held } = view;
  const forMin = min - (starting + busyMs.length + resettingMs.length);
  const forLine = startsForLine(view) - starting;
  return Math.max(0, Math.min(Math.max(forMin, forLine), max - held));
}

/** Whether that can be more than none, by what is known without a look at every instance. */
export function mayWantStarts({
  waiting,
  min,
  held,
  max,
  singleUse,
}: Pick<PoolView, "waiting" | "min" | "held" | "max" | "singleUse">): boolean {
  return held < max && (waiting > 0 || min > 0 || singleUse);
}

/** How long an invocation may be expected to wait in a busy instance while an idle one could begin it at once. */
const aheadMs = 1;
/** Beyond this, more in one batch saves nothing. */
const mostInBatch = 32;

/** How many invocations may wait in an instance for their turn. */
export function mostAhead(tookMs: number): number {
  return Math.min(mostInBatch, Math.floor(aheadMs / Math.max(tookMs, 0.001)));
}

/** How many idle instances have outlived their use, given how long each has been idle. */
export function retireCount(
  idleMs: readonly number[],
  fleet: { readonly usable: number; readonly min: number; readonly idleTimeoutMs: number },
): number {
  const expired = idleMs.filter((ms) => ms >= fleet.idleTimeoutMs).length;
  return Math.max(0, Math.min(expired, fleet.usable - fleet.min));
}

/** How long the swap of a writable layer usually takes: not worth a start, unless it has lasted as long as one. */
const resetMs = 1;

/** How many single-use instances a function in use holds ready. */
export const spareInstances = 2;

const firstBackoffMs = 100;
export const maxBackoffMs = 10_000;

/** How long no instance is started after so many failures in a row. */
export function backoffMs(failures: number): number {
  return failures <= 0 ? 0 : Math.min(maxBackoffMs, firstBackoffMs * 2 ** (failures - 1));
}

/** A failure that may be the machine's fault is tried again this often before callers hear of it. */
const patientFailures = 2;

/** Whether callers should be refused instead of waiting for the next try: a module that throws will throw again. */
export function isHopeless(failures: number, code: string): boolean {
  return failures > patientFailures || (failures > 0 && code === "LOAD_FAILED");
}

/** Exponentially weighted mean; the weight of a sample halves after three more. */
export function smooth(mean: number | null, sample: number): number {
  return mean === null ? sample : mean + (sample - mean) * 0.2;
}

function startsForLine(view: PoolView): number {
  // None of them has been used, so none will be free again.
  if (view.singleUse) return Math.max(0, view.waiting + view.spare - view.busyMs.length);
  const rate = ratePerMs(view);
  // The first round of these is over when the layer is there, however long the invocations themselves take.
  const fresh = view.resettingMs.reduce((sum, ms) => sum + Math.min(1, view.startMs / Math.max(resetMs, ms)), 0);
  const left = view.waiting - fresh * view.concurrency - rate.all * view.startMs;
  return left <= 0 ? 0 : Math.ceil(left / Math.max(view.concurrency, rate.one * view.startMs));
}

/** When events come at random, no more than this many are missed by chance in 19 of 20 times. */
const missedByChance = 3;
/** Fewer instances that end nothing for a while may have been unlucky: one collects its garbage, another compiles. */
const fewestSilent = 3;

/** Invocations that may be expected to end per millisecond: in all the instances there are, and in one that would be new. */
function ratePerMs(view: PoolView): { readonly all: number; readonly one: number } {
  const { busyMs, concurrency, startMs } = view;
  const serviceMs = Math.max(view.serviceMs ?? startMs, 0.01);
  // Whoever has worked longer than usual is expected to take that long again; those behind it then take what is usual.
  const rateAfter = (ms: number) => Math.max(1 / ms, (1 - ms / startMs) / serviceMs);
  const all = busyMs.reduce((sum, ms) => sum + concurrency * (ms <= serviceMs ? 1 / serviceMs : rateAfter(ms)), 0);
  // So are they together: one alone may have been unlucky, but when many work and none of them has ended for long, what
  // runs now takes longer than what the usual was learned from.
  const silentMs = busyMs.length < fewestSilent ? 0 : Math.min(view.freedMs, Math.max(...busyMs));
  const most = missedByChance / silentMs;
  return { all: Math.min(all, most), one: Math.min(concurrency / serviceMs, most) };
}
