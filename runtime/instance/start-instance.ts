// The recipe of a start by exec: sandbox, process, init, ready. What fails leaves nothing behind.

import type { FunctionVersion } from "../catalog/index.ts";
import type { LayerDigest, SandboxFactory } from "../sandbox/index.ts";
import { now } from "../trace.ts";
import { initFor, programFor, sandboxFor } from "./guest-program.ts";
import type { InstanceObserver, StartedInstance } from "./instance.ts";
import { LiveInstance } from "./live-instance.ts";

export interface StartOptions {
  readonly version: FunctionVersion;
  /** Unique in the server; becomes the sandbox's id. */
  readonly id: string;
  /** The whole root, topmost first: the version's own layer, then the base layers. */
  readonly layers: readonly LayerDigest[];
  readonly sandboxes: SandboxFactory;
  /** Hears log lines at once, and the rest only of an instance that became ready. */
  readonly observer: InstanceObserver;
  /** For loading the function, from the start of its process. */
  readonly startTimeoutMs: number;
}

/**
 * Resolves when the instance is ready. Rejects, after everything is destroyed, with LOAD_FAILED (the mapped stack in
 * `problems` and `cause`), STARTUP_FAILED, FUNCTION_OOM or SANDBOX_FAILED.
 */
export async function startInstance(options: StartOptions): Promise<StartedInstance> {
  const { version, id, layers, sandboxes, observer, startTimeoutMs } = options;
  const startedAtMs = now();
  const sandbox = await sandboxes.create(sandboxFor(version, id, layers));
  const sandboxMs = now() - startedAtMs;
  const processAtMs = now();
  let instance: LiveInstance | null = null;
  try {
    const process = await sandbox.start(programFor(version));
    instance = new LiveInstance({ version, id, sandbox, process, observer, startedAtMs });
    const ready = await instance.load(initFor(version, id), startTimeoutMs);
    const totalMs = now() - processAtMs;
    // The guest's own figure, so it is believed no further than it can be true.
    const loadMs = Math.min(ready.loadMs, totalMs);
    return { instance, report: { sandboxMs, processMs: totalMs - loadMs, loadMs } };
  } catch (thrown) {
    await (instance === null ? sandbox.destroy() : instance.kill());
    throw thrown;
  }
}
