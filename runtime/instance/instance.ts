// The contract of an instance: a process of one version inside one sandbox, seen from tsfnd. No code; guest-peer.ts
// implements it over the unix stream, and the pool decides when there is one.

import type { FunctionVersion } from "../catalog/index.ts";
import type { Answer, Invocation, StartStep } from "../invocation.ts";
import type { LogLine } from "../logs/index.ts";
import type { ExitReport, ForkedProcess, ForkSpans, LayerDigest, Sandbox } from "../sandbox/index.ts";

/**
 * starting: the module is being loaded · ready: takes invocations (busy when inFlight > 0) · retiring: takes no more,
 * ends when those in flight are settled · dead: the process is gone, the sandbox destroyed or being destroyed.
 */
export type InstanceState = "starting" | "ready" | "retiring" | "dead";

export interface Instance {
  /** Also the sandbox's id when it was started by exec; a fork takes a sandbox that was made before. */
  readonly id: string;
  readonly version: FunctionVersion;
  readonly sandbox: Sandbox;
  readonly state: InstanceState;
  /** False while its process is on its way, and for ever if it ended there: invocations that it has had none begun. */
  readonly isComplete: boolean;
  /** Invocations handed over and not yet settled. */
  readonly inFlight: number;
  /**
   * How long it has been at work without finishing anything, milliseconds; 0 when nothing is in flight. What it waited for a
   * processor does not count.
   */
  readonly workedMs: number;
  /** Whether an invocation without a body may be handed over while another one runs, to wait in the guest for its turn. */
  readonly takesAhead: boolean;
  readonly layer: LayerState;
  /** Invocations settled since the start. */
  readonly served: number;
  /** `performance.now()` of the start, milliseconds. */
  readonly startedAtMs: number;
  /**
   * Hands one invocation over; resolves with the head of the answer. Must only be called while `ready`.
   * Arms the version's deadline. Rejects with FUNCTION_ERROR, FUNCTION_CRASHED, FUNCTION_OOM, FUNCTION_TIMEOUT,
   * FUNCTION_BAD_RESPONSE, or the TsfnError that is `invocation.signal.reason`.
   */
  invoke(invocation: Invocation, arrival: Arrival): Promise<Answer>;
  /** Takes no more invocations; ends once those in flight are settled. Resolves when the sandbox is destroyed. */
  retire(): Promise<void>;
  /** Ends now; what is in flight fails with `FUNCTION_CRASHED`. Resolves when the sandbox is destroyed. */
  kill(): Promise<void>;
}

/** The writable layer of an instance. */
export interface LayerState {
  /** Since when it is being swapped, `performance.now()`; null when it is not. */
  readonly swappingSinceMs: number | null;
  /** How often it was swapped. */
  readonly swaps: number;
}

/** How the invocation came to this instance, for the answer's timing. */
export interface Arrival {
  readonly cold: boolean;
  readonly queueMs: number;
  readonly initMs: number;
  /** Of a cold one: how its instance's start went, step by step. Filled in when the instance is complete. */
  readonly startSteps?: readonly StartStep[];
}

/** An invocation that was handed over and never began; whoever runs it now answers its caller. */
export interface Returned {
  readonly invocation: Invocation;
  readonly resolve: (answer: Answer | Promise<Answer>) => void;
  readonly reject: (reason: unknown) => void;
}

/** What an instance tells its owner (the pool). Called synchronously, at most once per fact. */
export interface InstanceObserver {
  /** An invocation is over (answer sent and `waitUntil` work done, or failed): the instance may have room. */
  settled(instance: Instance, report: InvocationReport): void;
  /** These were handed over and are in flight here no more: the one before them turned out long, or was the last. In order. */
  returned(instance: Instance, returned: readonly Returned[]): void;
  /** The instance takes no more invocations (it died, timed out, broke the protocol, or was retired). Once. */
  unusable(instance: Instance): void;
  /** The process is gone and its sandbox is destroyed. Once, last. */
  gone(instance: Instance, exit: ExitReport): void;
  log(line: LogLine): void;
}

export interface InvocationReport {
  readonly requestId: string;
  readonly cold: boolean;
  readonly durationMs: number;
  /** The same without its way there and back, by the guest's own word; 0 when there is none. */
  readonly tookMs: number;
  /** `ok`, or the code of the TsfnError it ended with. */
  readonly outcome: string;
}

/**
 * How an instance came to be: forked from a zygote that has loaded its code, forked before its code was loaded, or a fresh
 * process. The words are the manifest's (`prefork`).
 */
export type StartMode = "function" | "runtime" | "none";

/** How the start went, in milliseconds. */
export interface StartReport {
  readonly mode: StartMode;
  /** Until there was a sandbox, and a zygote to be forked. */
  readonly sandboxMs: number;
  readonly processMs: number;
  readonly loadMs: number;
  /** null unless it was forked. */
  readonly spans: ForkSpans | null;
}

/** An instance that takes invocations, also if its process is still on its way to the first of them. */
export interface StartedInstance {
  readonly instance: Instance;
  readonly mode: StartMode;
  /** Settles before the first invocation is answered, or returned. Rejects when the process ended on its way. */
  readonly report: Promise<StartReport>;
}

/** Where forked processes come from; runtime/zygote implements it. */
export interface Forker {
  /**
   * A clone in a sandbox of its own, both now the caller's; null when the version is to be started by exec.
   * @throws TsfnError LOAD_FAILED, STARTUP_FAILED, FUNCTION_OOM of a zygote that did not load; SANDBOX_FAILED
   */
  fork(order: InstanceOrder): Promise<Fork | null>;
}

export interface ForkOrder {
  readonly version: FunctionVersion;
  /** Topmost first: the version's own layer, then the base layers. */
  readonly layers: readonly LayerDigest[];
  readonly startTimeoutMs: number;
  /** Hears what a zygote prints that is started for this. */
  readonly log: (line: LogLine) => void;
}

export interface InstanceOrder extends ForkOrder {
  /** Gives the clone's sandbox, before the clone is there, what its version may reach; the zygote never has that. */
  readonly openNetwork: (sandbox: Sandbox) => Promise<void>;
}

export interface Fork {
  readonly mode: "function" | "runtime";
  readonly sandbox: Sandbox;
  readonly process: ForkedProcess;
  /** `now()` when there was a zygote and a sandbox, and the warden was asked. */
  readonly askedAtMs: number;
  /**
   * The function is loaded, and a clone of this zygote has served before: neither is its word that it is ready awaited, nor that
   * it is complete.
   */
  readonly isProven: boolean;
  /** The clone said that it is ready. */
  proven(): void;
  /** It ended before it was complete, and nobody asked it to. */
  failed(thrown: unknown): void;
  /** It has answered for the first time, or begun to. Resolves when it may end. */
  served(): Promise<void>;
}
