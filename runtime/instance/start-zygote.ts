// The recipe of a zygote's start: a sandbox of its kind, Node in it, init, ready. It speaks the first words of an
// instance's protocol and prints and fails as one does, but takes no invocations; its clones do.

import type { Sandbox, SandboxFactory } from "../sandbox/index.ts";
import { now } from "../trace.ts";
import type { Ready } from "../wire/index.ts";
import { type ZygoteRole, zygoteInit, zygoteProgramFor, zygoteSandboxFor } from "./guest-program.ts";
import type { ForkOrder } from "./instance.ts";
import { LiveInstance } from "./live-instance.ts";

export interface ZygoteOptions extends ForkOrder {
  readonly id: string;
  readonly role: ZygoteRole;
  readonly sandboxes: SandboxFactory;
  /** Resolves when its last clone is gone: before that the sandbox of a zygote that ended must stay. */
  readonly cloneless: () => Promise<void>;
}

export interface ZygoteProcess {
  readonly sandbox: Sandbox;
  readonly ready: Ready;
  /** Resolves when the process is gone. */
  readonly ended: Promise<unknown>;
  /** Ends the process; resolves when the sandbox is destroyed. */
  kill(): Promise<void>;
}

/** Rejects, after everything is destroyed, with what `startInstance` rejects with. */
export async function startZygote(options: ZygoteOptions): Promise<ZygoteProcess> {
  const { version, id, role, layers, sandboxes, startTimeoutMs, log, cloneless } = options;
  const sandbox = await sandboxes.create(zygoteSandboxFor(version, id, layers));
  const startedAtMs = now();
  const process = await sandbox.start(zygoteProgramFor(version, role)).catch(async (thrown: unknown) => {
    await sandbox.destroy();
    throw thrown;
  });
  const observer = { log, settled: () => {}, returned: () => {}, unusable: () => {}, gone: () => {} };
  // Its clones live in its pid namespace, so the sandbox outlives the process.
  const destroy = () => cloneless().then(() => sandbox.destroy());
  const instance = new LiveInstance({ version, id, sandbox, process, observer, startedAtMs, destroy });
  try {
    const ready = await instance.load(zygoteInit(version, role, { id, loadTimeoutMs: startTimeoutMs }), startTimeoutMs);
    return { sandbox, ready, ended: process.exited, kill: () => instance.kill() };
  } catch (thrown) {
    await instance.kill();
    throw thrown;
  }
}
