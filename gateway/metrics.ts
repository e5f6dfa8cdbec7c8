// The server's Prometheus metrics: names of docs/operations.md, fed by the gateway's calls and the runtime's observer.
// Labels are names of functions that are or were deployed, never what a stranger typed.

import { Counter, Gauge, Registry } from "@prometheus-io/client";
import type { InstanceDescription, InstanceEnd, PoolSnapshot, Runtime, RuntimeObserver } from "../runtime/index.ts";
import { Durations } from "./durations.ts";

export interface CallObserver {
  /** A call of a deployed function was answered with `status`; 499 when its client left first. */
  ended(functionName: string, status: number, durationMs: number): void;
}

export interface Metrics extends CallObserver {
  /** To be given to the runtime before it starts anything. */
  readonly observer: RuntimeObserver;
  readonly contentType: string;
  /** The text that Prometheus scrapes; gauges are read from the runtime now. */
  render(runtime: Pick<Runtime, "snapshot" | "instances">): Promise<string>;
}

const durationBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

export function createMetrics(version: string): Metrics {
  const registry = new Registry();
  const calls = callMetrics(registry);
  const queueWait = new Durations({
    name: "tsfn_queue_wait_seconds",
    help: "Time an invocation stood in the waiting line before an instance took it.",
    buckets: durationBuckets,
  });
  const coldStart = new Durations({
    name: "tsfn_cold_start_duration_seconds",
    help: "Duration of an instance's start by phase: its sandbox, its process (of a fork also its steps), loading its code.",
    secondLabel: "phase",
    buckets: durationBuckets,
  });
  const observer = observerOf(registry, { queueWait, coldStart });
  const usage = usageMetrics(registry);
  const readPools = poolGauges(registry);
  new Gauge({
    name: "tsfn_build_info",
    help: "Always 1; the labels tell the versions of tsfn and of Node.",
    labelNames: ["version", "node"],
    registers: [registry],
  }).set({ version, node: process.versions.node }, 1);
  return {
    ended: calls.ended,
    observer: { ...observer, instanceGone: usage.instanceGone },
    contentType: registry.contentType,
    render: async (runtime) => {
      usage.startReading();
      usage.read(await runtime.instances());
      readPools(runtime.snapshot());
      calls.read();
      const durations = Registry.aggregate([[calls.duration.read(), queueWait.read(), coldStart.read()]]);
      return `${await registry.metrics()}${await durations.metrics()}`;
    },
  };
}

function callMetrics(registry: Registry) {
  const total = new Counter({
    name: "tsfn_invocations_total",
    help: "Calls of a function by the HTTP status of their answer.",
    labelNames: ["function", "code"],
    registers: [registry],
  });
  const duration = new Durations({
    name: "tsfn_invocation_duration_seconds",
    help: "From the accepted request to the last byte of its answer.",
    buckets: durationBuckets,
  });
  /** Not in `total` yet, by function and status. */
  const counts = new Map<string, Map<number, number>>();
  return {
    duration,
    ended(functionName: string, status: number, durationMs: number): void {
      const byStatus = counts.get(functionName) ?? new Map<number, number>();
      if (byStatus.size === 0) counts.set(functionName, byStatus);
      byStatus.set(status, (byStatus.get(status) ?? 0) + 1);
      duration.observe(functionName, durationMs / 1_000);
    },
    read(): void {
      for (const [name, byStatus] of counts) {
        for (const [status, count] of byStatus) total.inc({ function: name, code: String(status) }, count);
      }
      counts.clear();
    },
  };
}

function observerOf(
  registry: Registry,
  { queueWait, coldStart }: Readonly<Record<"queueWait" | "coldStart", Durations>>,
): RuntimeObserver {
  const registers = [registry];
  const coldStarts = new Counter({
    name: "tsfn_cold_starts_total",
    help: "Instances started, by how they were started.",
    labelNames: ["function", "kind"],
    registers,
  });
  const errors = new Counter({
    name: "tsfn_errors_total",
    help: "Invocations and starts of instances that failed, by error code; LAYER_HIDDEN: a process hid what it wrote.",
    labelNames: ["function", "reason"],
    registers,
  });
  return {
    handedOver: ({ function: name, queueMs }) => queueWait.observe(name, queueMs / 1_000),
    invocationEnded: ({ function: name, outcome }) => {
      if (outcome !== "ok") errors.inc({ function: name, reason: outcome });
    },
    instanceStarted: ({ function: name, mode, sandboxMs, processMs, loadMs, spans }) => {
      coldStarts.inc({ function: name, kind: mode === "none" ? "exec" : `fork-${mode}` });
      for (const [step, us] of Object.entries(spans ?? {})) {
        coldStart.observe(name, us / 1_000_000, `fork-${step.replace(/Us$/, "")}`);
      }
      coldStart.observe(name, sandboxMs / 1_000, "sandbox");
      coldStart.observe(name, processMs / 1_000, "process");
      coldStart.observe(name, loadMs / 1_000, "load");
    },
    instanceFailed: ({ function: name, code }) => errors.inc({ function: name, reason: code }),
    layerHidden: ({ function: name }) => errors.inc({ function: name, reason: "LAYER_HIDDEN" }),
  };
}

/** Read at the scrape, so that a function that is gone leaves no gauge behind. */
function poolGauges(registry: Registry): (pools: readonly PoolSnapshot[]) => void {
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
  return (pools) => {
    depth.reset();
    instances.reset();
    for (const pool of pools) {
      depth.set({ function: pool.function }, pool.waiting);
      for (const state of ["starting", "idle", "busy", "retiring"] as const) {
        instances.set({ function: pool.function, state }, pool[state]);
      }
    }
  };
}

/** Cpu is a counter over instances that come and go: what ended ones used is kept, what live ones use is asked for. */
function usageMetrics(registry: Registry) {
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
  return {
    /** An instance that ends while the others are asked must not count twice. */
    startReading: (): void => endedMeanwhile.clear(),
    read: (instances: readonly InstanceDescription[]): void => {
      cpu.reset();
      memory.reset();
      for (const [name, cpuUs] of endedCpuUs) cpu.inc({ function: name }, cpuUs / 1e6);
      for (const { id, function: name, usage } of instances) {
        if (usage === null || endedMeanwhile.has(id)) continue;
        cpu.inc({ function: name }, usage.cpuUs / 1e6);
        memory.inc({ function: name }, usage.memoryBytes);
      }
    },
    instanceGone: ({ function: name, instance, exit }: InstanceEnd): void => {
      endedMeanwhile.add(instance);
      endedCpuUs.set(name, (endedCpuUs.get(name) ?? 0) + exit.cpuUs);
    },
  };
}
