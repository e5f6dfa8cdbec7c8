// One instance's way from start to gone: starts it, writes the platform's log records about it, and passes on what it
// tells. What to do about it is fleet.ts's business.

import { randomUUID } from "node:crypto";
import type { FunctionVersion } from "../catalog/index.ts";
import { asTsfnError } from "../errors.ts";
import type {
  Forker,
  InstanceObserver,
  InvocationReport,
  Returned,
  StartedInstance,
  StartReport,
} from "../instance/index.ts";
import type { StartStep } from "../invocation.ts";
import type { LogLevel, LogLine } from "../logs/index.ts";
import type { FreshLayer, SandboxFactory } from "../sandbox/index.ts";
import type { RuntimeObserver } from "../surface.ts";
import { endSpan, now } from "../trace.ts";
import { type LiveSlot, newSlot, type Slot } from "./slot.ts";
import { type InvocationUsage, UsageWatch } from "./usage-watch.ts";

export interface LaunchParts {
  readonly version: FunctionVersion;
  readonly sandboxes: SandboxFactory;
  readonly forker: Forker;
  readonly secrets: (names: readonly string[]) => Readonly<Record<string, string>>;
  readonly freshLayer: FreshLayer;
  readonly startInstance: StartInstance;
  readonly startTimeoutMs: number;
  readonly log: (line: LogLine) => void;
  readonly events: Required<RuntimeObserver>;
}

/** `startInstance` of runtime/instance, which knows the layers of a version. On failure everything is destroyed before it rejects. */
export type StartInstance = (options: {
  readonly version: FunctionVersion;
  readonly id: string;
  readonly sandboxes: SandboxFactory;
  readonly forker: Forker;
  readonly secrets: (names: readonly string[]) => Readonly<Record<string, string>>;
  readonly observer: InstanceObserver;
  readonly startTimeoutMs: number;
}) => Promise<StartedInstance>;

/** Hears about a slot once its start has succeeded; nothing about one whose start failed. */
export interface SlotOwner {
  settled(slot: Slot, report: InvocationReport): void;
  returned(slot: Slot, returned: readonly Returned[]): void;
  unusable(slot: Slot): void;
  gone(slot: Slot): void;
  /** It is idle, and its process hid that it wrote to its layer. */
  mistrusted(slot: Slot): void;
}

/** An id that is unique in the server and says whose it is; a sandbox's id has 64 characters at most. */
export function slotFor(version: FunctionVersion): Slot {
  const id = `${version.function.slice(0, 40)}-${version.number}-${randomUUID().slice(0, 8)}`;
  return newSlot(id, now());
}

/** @throws TsfnError LOAD_FAILED, STARTUP_FAILED, FUNCTION_OOM, SANDBOX_FAILED */
export async function launch(parts: LaunchParts, slot: Slot, owner: SlotOwner): Promise<LiveSlot> {
  const { function: name, number } = parts.version;
  const subject = { function: name, version: number, instance: slot.id };
  const platform = (msg: string, level: LogLevel, data: LogLine["data"]) =>
    parts.log({ ...subject, stream: "platform", level, msg, ...(data && { data }) });
  // The instance may speak before whoever awaits its start has heard of it.
  const tell = (fact: () => void) => (slot.phase === "starting" ? void slot.early.push(fact) : fact());
  const observer: InstanceObserver = {
    log: parts.log,
    settled: (_instance, report) =>
      tell(() => {
        const { outcome, cold, durationMs } = report;
        slot.usage?.settled(report);
        parts.events.invocationEnded({ function: name, version: number, outcome, cold, durationMs });
        owner.settled(slot, report);
      }),
    returned: (_instance, returned) => owner.returned(slot, returned),
    unusable: () => tell(() => owner.unusable(slot)),
    gone: (_instance, exit) =>
      tell(() => {
        slot.usage?.gone(exit);
        parts.events.instanceGone({ ...subject, exit });
        owner.gone(slot);
      }),
  };

  platform("platform.initStart", "info", undefined);
  const { version, sandboxes, forker, secrets, startTimeoutMs } = parts;
  try {
    const options = { version, id: slot.id, sandboxes, forker, secrets, observer, startTimeoutMs };
    const { instance, mode, report } = await parts.startInstance(options);
    const usage = new UsageWatch({
      ...{ instance, mode, freshLayer: parts.freshLayer, ownInodes: version.manifest.secrets.length },
      report: (...ended) => parts.log(reportOf(subject, ...ended)),
      hidden: (inodes) => {
        const told = "its layer holds what the function's process did not tell of; the process is replaced";
        platform(told, "error", { inodes });
        parts.events.layerHidden({ ...subject, inodes });
        owner.mistrusted(slot);
      },
      fault: (thrown) => parts.events.fault(asTsfnError(thrown)),
    });
    const startOver = report.then((told) => {
      started(told);
      // What its start used is its first invocation's only when that caller waited for it.
      setImmediate(() => void (slot.used || usage.read()));
    }, failed);
    return Object.assign(slot, { instance, usage, startOver });
  } catch (thrown) {
    failed(thrown);
    throw asTsfnError(thrown);
  }

  function started(report: StartReport): void {
    endSpan("init", slot.id, slot.startedAtMs);
    const { mode, sandboxMs, processMs, loadMs, spans } = report;
    platform("platform.initReport", "info", {
      mode,
      sandboxMs: rounded(sandboxMs),
      processMs: rounded(processMs),
      loadMs: rounded(loadMs),
      ...(spans !== null && { spans }),
      outcome: "ok",
    });
    parts.events.instanceStarted({ ...subject, ...report });
    slot.startSteps.push(...stepsOf(report));
  }

  function failed(thrown: unknown): void {
    const { code, message } = asTsfnError(thrown);
    platform("platform.initReport", "error", { outcome: code, error: message });
    parts.events.instanceFailed({ ...subject, code });
  }
}

/** One for every invocation: spelled out, because spreading costs more than all the rest of it. */
function reportOf(
  { function: name, version, instance }: Pick<LogLine, "function" | "version" | "instance">,
  { requestId, outcome, cold, durationMs }: InvocationReport,
  { cpuUs, maxMemoryBytes }: InvocationUsage,
): LogLine {
  const cpuMs = rounded(cpuUs / 1_000);
  const maxMemoryMb = Math.round((maxMemoryBytes / 2 ** 20) * 10) / 10;
  return {
    function: name,
    version,
    instance,
    requestId,
    stream: "platform",
    level: "info",
    msg: "platform.invokeReport",
    data: { durationMs: rounded(durationMs), cpuMs, maxMemoryMb, cold, outcome },
  };
}

/** Without those that took no time. */
function stepsOf({ sandboxMs, loadMs, processMs, spans }: StartReport): StartStep[] {
  const inside = spans === null ? [] : Object.entries(spans).map(([name, us]) => [name.replace(/Us$/, ""), us / 1_000]);
  const steps = [
    ["sandbox", sandboxMs],
    ...(spans === null ? [["process", processMs]] : inside),
    ["load", loadMs],
  ] as const;
  return steps
    .map(([name, durationMs]) => ({ name: String(name), durationMs: Number(durationMs) }))
    .filter(({ durationMs }) => durationMs > 0);
}

/** Milliseconds to three decimals: what lies behind them is noise that readers should be spared. */
function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
