// The server's Prometheus metrics: names of docs/operations.md, fed by the gateway's calls and the runtime's observer.
// Labels are names of functions that are or were deployed, never what a stranger typed.

import { Counter, Gauge, Histogram, Registry } from "@prometheus-io/client";
import type { Runtime, RuntimeObserver } from "../runtime/index.ts";

export interface CallObserver {
  /** A call of a deployed function was answered with `status`; 499 when its client left first. */
  ended(functionName: string, status: number, durationMs: number): void;
}

export interface Metrics extends CallObserver {
  readonly contentType: string;
  /** The text that Prometheus scrapes. */
  render(): Promise<string>;
  /** Stops listening to the runtime. */
  close(): void;
}

type Observed = Pick<Runtime, "observe" | "snapshot" | "instances">;

const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export function createMetrics(runtime: Observed, version: string): Metrics {
  const registry = new Registry();
  const call = callMetrics(registry);
  const stop = runtime.observe(observerOf(registry));
  const usage = usageMetrics(registry, runtime);
  const refreshPools = poolGauges(registry, runtime);
  new Gauge({
    name: "tsfn_build_info",
    help: "Always 1; the labels tell the versions of tsfn and of Node.",
    labelNames: ["version", "node"],
    registers: [registry],
  }).set({ version, node: process.versions.node }, 1);
  return {
    ended: call,
    contentType: registry.contentType,
    render: async () => {
      await usage.refresh();
      refreshPools();
      return await registry.metrics();
    },
    close: () => {
      stop();
      usage.stop();
    },
  };
}

function callMetrics(registry: Registry): CallObserver["ended"] {
  const registers = [registry];
  const total = new Counter({
    name: "tsfn_invocations_total",
    help: "Calls of a function by the HTTP status of their answer.",
    labelNames: ["function", "code"],
    registers,
  });
  const duration = new Histogram({
    name: "tsfn_invocation_duration_seconds",
    help: "From the accepted request to the last byte of its answer.",
    labelNames: ["function"],
    buckets: durationBuckets,
    registers,
  });
  return (functionName, status, durationMs) => {
    total.inc({ function: functionName, code: String(status) });
    duration.observe({ function: functionName }, durationMs / 1_000);
  };
}

function observerOf(registry: Registry): RuntimeObserver {
  const registers = [registry];
  const queueWait = new Histogram({
    name: "tsfn_queue_wait_seconds",
    help: "Time an invocation stood in the waiting line before an instance took it.",
    labelNames: ["function"],
    buckets: durationBuckets,
    registers,
  });
  const coldStarts = new Counter({
    name: "tsfn_cold_starts_total",
    help: "Instances started, by how they were started.",
    labelNames: ["function", "kind"],
    registers,
  });
  const coldStartDuration = new Histogram({
    name: "tsfn_cold_start_duration_seconds",
    help: "Duration of an instance's start by phase: its sandbox, its process, loading its code.",
    labelNames: ["function", "phase"],
    buckets: durationBuckets,
    registers,
  });
  const errors = new Counter({
    name: "tsfn_errors_total",
    help: "Invocations and starts of instances that failed, by error code.",
    labelNames: ["function", "reason"],
    registers,
  });
  return {
    handedOver: ({ function: name, queueMs }) => queueWait.observe({ function: name }, queueMs / 1_000),
    invocationEnded: ({ function: name, outcome }) => {
      if (outcome !== "ok") errors.inc({ function: name, reason: outcome });
    },
    instanceStarted: ({ function: name, sandboxMs, processMs, loadMs }) => {
      coldStarts.inc({ function: name, kind: "exec" });
      coldStartDuration.observe({ function: name, phase: "sandbox" }, sandboxMs / 1_000);
      coldStartDuration.observe({ function: name, phase: "process" }, processMs / 1_000);
      coldStartDuration.observe({ function: name, phase: "load" }, loadMs / 1_000);
    },
    instanceFailed: ({ function: name, code }) => errors.inc({ function: name, reason: code }),
  };
}

/** Read at the scrape, so that a function that is gone leaves no gauge behind. */
function poolGauges(registry: Registry, runtime: Observed): () => void {
  const depth = new Gauge({
    name: "tsfn_queue_depth",
    help: "Invocations in a function's waiting line now.",
    labelNames: ["function"],
    registers: [registry],
  });
  const instances = new Gauge({
    name: "tsfn_instances",
    help: "Instances of a function now, by state.",
    labelNames: ["function", "state"],
    registers: [registry],
  });
  return () => {
    depth.reset();
    instances.reset();
    for (const pool of runtime.snapshot()) {
      depth.set({ function: pool.function }, pool.waiting);
      for (const state of ["starting", "idle", "busy", "retiring"] as const) {
        instances.set({ function: pool.function, state }, pool[state]);
      }
    }
  };
}

/** Cpu is a counter over instances that come and go: what ended ones used is kept, what live ones use is asked for. */
function usageMetrics(registry: Registry, runtime: Observed): { refresh: () => Promise<void>; stop: () => void } {
  const endedCpuUs = new Map<string, number>();
  const endedMeanwhile = new Set<string>();
  const memory = new Gauge({
    name: "tsfn_instance_memory_bytes",
    help: "Memory that the instances of a function use now.",
    labelNames: ["function"],
    registers: [registry],
  });
  const cpu = new Counter({
    name: "tsfn_instance_cpu_seconds_total",
    help: "Cpu time that the instances of a function have used.",
    labelNames: ["function"],
    registers: [registry],
  });
  const refresh = async (): Promise<void> => {
    endedMeanwhile.clear();
    const live = (await runtime.instances()).filter(({ id }) => !endedMeanwhile.has(id));
    cpu.reset();
    memory.reset();
    for (const [name, cpuUs] of endedCpuUs) cpu.inc({ function: name }, cpuUs / 1e6);
    for (const { function: name, usage } of live) {
      if (usage === null) continue;
      cpu.inc({ function: name }, usage.cpuUs / 1e6);
      memory.inc({ function: name }, usage.memoryBytes);
    }
  };
  const stop = runtime.observe({
    instanceGone: ({ function: name, instance, exit }) => {
      endedMeanwhile.add(instance);
      endedCpuUs.set(name, (endedCpuUs.get(name) ?? 0) + exit.cpuUs);
    },
  });
  return { refresh, stop };
}
