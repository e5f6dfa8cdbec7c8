// The recipe of a start: forked from a zygote where there is one, by exec where there is none; then init, and ready. What
// fails leaves nothing behind. runtime/zygote is where forks come from.

import type { FunctionVersion } from "../catalog/index.ts";
import type { ForkSpans, LayerDigest, Sandbox, SandboxFactory, SandboxProcess } from "../sandbox/index.ts";
import { now } from "../trace.ts";
import type { Init } from "../wire/index.ts";
import { initFor, programFor, sandboxFor } from "./guest-program.ts";
import type { Fork, Forker, InstanceObserver, StartedInstance } from "./instance.ts";
import { InstanceLog } from "./instance-log.ts";
import { LiveInstance, type LiveParts } from "./live-instance.ts";

export interface StartOptions {
  readonly version: FunctionVersion;
  /** Unique in the server; also the sandbox's id when it is started by exec. */
  readonly id: string;
  /** The whole root, topmost first: the version's own layer, then the base layers. */
  readonly layers: readonly LayerDigest[];
  readonly sandboxes: SandboxFactory;
  readonly forker: Forker;
  /** The values of those secrets. @throws TsfnError SECRET_NOT_FOUND */
  readonly secrets: (names: readonly string[]) => Readonly<Record<string, string>>;
  /** Hears log lines at once, and the rest only of an instance that became ready. */
  readonly observer: InstanceObserver;
  /** For loading the function, from the start of its process. */
  readonly startTimeoutMs: number;
}

/**
 * Resolves when the instance takes invocations. Rejects, after everything is destroyed, with LOAD_FAILED (the mapped stack in
 * `problems` and `cause`), STARTUP_FAILED, FUNCTION_OOM or SANDBOX_FAILED.
 */
export async function startInstance(options: StartOptions): Promise<StartedInstance> {
  const startedAtMs = now();
  const { version, layers, startTimeoutMs, observer, forker } = options;
  const log = observer.log.bind(observer);
  const secrets = options.secrets(version.manifest.secrets);
  const fork = await forker.fork({
    ...{ version, layers, startTimeoutMs, log },
    openNetwork: (sandbox) => openNetwork(options, sandbox),
  });
  return fork === null ? execInstance(options, startedAtMs, secrets) : adoptFork(options, startedAtMs, fork, secrets);
}

async function execInstance(
  options: StartOptions,
  startedAtMs: number,
  secrets: Init["secrets"],
): Promise<StartedInstance> {
  const { version, id, layers, sandboxes } = options;
  const sandbox = await sandboxes.create(sandboxFor(version, id, layers));
  const processAtMs = now();
  let process: SandboxProcess;
  try {
    await openNetwork(options, sandbox);
    process = await sandbox.start(programFor(version));
  } catch (thrown) {
    await sandbox.destroy();
    throw thrown;
  }
  const instance = instanceOf(options, { sandbox, process, startedAtMs, answered: () => null });
  const loadMs = await load(
    instance,
    options,
    initFor(version, { id, secrets, loadTimeoutMs: options.startTimeoutMs }),
  );
  const sandboxMs = processAtMs - startedAtMs;
  const report = { mode: "none", sandboxMs, ...split(now() - processAtMs, loadMs), spans: null } as const;
  return { instance, mode: "none", report: Promise.resolve(report) };
}

async function adoptFork(
  options: StartOptions,
  startedAtMs: number,
  fork: Fork,
  secrets: Init["secrets"],
): Promise<StartedInstance> {
  const { version, id, startTimeoutMs: loadTimeoutMs } = options;
  const { mode, sandbox, process } = fork;
  const sandboxMs = fork.askedAtMs - startedAtMs;
  let served: Promise<void> | null = null;
  const answered = () => {
    served ??= fork.served();
    return served;
  };
  const instance = instanceOf(options, { sandbox, process, startedAtMs, answered });
  const report = (spans: ForkSpans, loadMs: number) => {
    return { mode, sandboxMs, ...split(now() - startedAtMs - sandboxMs, loadMs), spans };
  };
  if (fork.isProven) {
    instance.trust();
    return { instance, mode, report: completed(fork, instance).then((spans) => report(spans, 0)) };
  }
  const init = mode === "function" ? null : initFor(version, { id, secrets, loadTimeoutMs });
  const loadMs = await load(instance, options, init);
  fork.proven();
  return { instance, mode, report: Promise.resolve(report(await process.complete, loadMs)) };
}

async function completed({ process, askedAtMs, failed }: Fork, instance: LiveInstance): Promise<ForkSpans> {
  try {
    const spans = await process.complete;
    // It did not wait for the news of it to arrive here.
    instance.complete(Math.min(now(), askedAtMs + durationMs(spans)));
    return spans;
  } catch (thrown) {
    if (instance.neverComplete()) failed(thrown);
    throw thrown;
  }
}

function durationMs({ rootUs: _beside, ...inTurn }: ForkSpans): number {
  return Object.values(inTurn).reduce((sum, us) => sum + us, 0) / 1_000;
}

async function openNetwork({ version, id, observer }: StartOptions, sandbox: Sandbox): Promise<void> {
  const { network } = version.manifest;
  if (network === "none") return;
  const log = new InstanceLog(version, id, (line) => observer.log(line));
  const notice = (message: string) => log.write("platform", "warn", message, undefined);
  await sandbox.openNetwork({ functionName: version.function, network, notice });
}

function instanceOf(
  { version, id, observer }: StartOptions,
  made: Pick<LiveParts, "sandbox" | "process" | "startedAtMs" | "answered">,
) {
  return new LiveInstance({ version, id, observer, ...made, destroy: () => made.sandbox.destroy() });
}

/** Milliseconds it took, by the guest's own word. */
async function load(instance: LiveInstance, { startTimeoutMs }: StartOptions, init: Init | null): Promise<number> {
  try {
    const { loadMs } = await instance.load(init, startTimeoutMs);
    return loadMs;
  } catch (thrown) {
    await instance.kill();
    throw thrown;
  }
}

/** The guest's figure is believed no further than it can be true. */
function split(totalMs: number, toldMs: number) {
  const loadMs = Math.min(toldMs, totalMs);
  return { processMs: totalMs - loadMs, loadMs };
}
