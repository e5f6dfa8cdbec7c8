// The recipe of a zygote, in two parts. A blank one is a sandbox of its kind and Node in it, which gets ready for any version
// and may wait. Then it becomes that of one version: a root with its layer, init, ready. It speaks the first words of an
// instance's protocol and prints and fails as one does, but takes no invocations; its clones do.

import {
  closeEnds,
  type LayerDigest,
  type Sandbox,
  type SandboxFactory,
  type SandboxProcess,
} from "../sandbox/index.ts";
import { now } from "../trace.ts";
import type { Ready } from "../wire/index.ts";
import {
  blankSandboxFor,
  type ZygoteKind,
  type ZygoteRole,
  zygoteInit,
  zygoteProgramFor,
  zygoteSandboxFor,
} from "./guest-program.ts";
import type { ForkOrder } from "./instance.ts";
import { LiveInstance } from "./live-instance.ts";

export interface BlankOptions {
  readonly id: string;
  readonly kind: ZygoteKind;
  /** Topmost first, none of a function. */
  readonly baseLayers: readonly LayerDigest[];
  readonly sandboxes: SandboxFactory;
}

/** The caller's, who makes it the zygote of a version or ends it. */
export interface BlankZygote {
  readonly sandbox: Sandbox;
  readonly process: SandboxProcess;
}

export interface ZygoteOptions extends ForkOrder {
  readonly role: ZygoteRole;
  readonly blank: BlankZygote;
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

/** Resolves when its process runs, which then gets ready by itself. @throws TsfnError SANDBOX_FAILED */
export async function startBlankZygote(options: BlankOptions): Promise<BlankZygote> {
  const { id, kind, baseLayers, sandboxes } = options;
  const sandbox = await sandboxes.create(blankSandboxFor(id, kind.memoryBytes, baseLayers));
  try {
    const process = await sandbox.start(zygoteProgramFor(kind));
    return { sandbox, process };
  } catch (thrown) {
    await sandbox.destroy();
    throw thrown;
  }
}

/** Resolves when nothing is left of it. */
export async function endBlankZygote({ sandbox, process }: BlankZygote): Promise<void> {
  closeEnds(process);
  await sandbox.destroy();
}

/**
 * `layers` are those of its root. Rejects, after everything is destroyed, with what `startInstance` rejects with;
 * SANDBOX_FAILED when the blank one was of no use.
 */
export async function startZygote(options: ZygoteOptions): Promise<ZygoteProcess> {
  const { version, role, layers, blank, startTimeoutMs, log, cloneless } = options;
  const { sandbox, process } = blank;
  const { id } = sandbox;
  const startedAtMs = now();
  try {
    await sandbox.claim(zygoteSandboxFor(version, id, layers));
  } catch (thrown) {
    await endBlankZygote(blank);
    throw thrown;
  }
  const observer = { log, settled: () => {}, returned: () => {}, unusable: () => {}, gone: () => {} };
  // Its clones live in its pid namespace, so the sandbox outlives the process.
  const destroy = () => cloneless().then(() => sandbox.destroy());
  const answered = () => null;
  const instance = new LiveInstance({ version, id, sandbox, process, observer, answered, startedAtMs, destroy });
  try {
    const ready = await instance.load(zygoteInit(version, role, { id, loadTimeoutMs: startTimeoutMs }), startTimeoutMs);
    return { sandbox, ready, ended: process.exited, kill: () => instance.kill() };
  } catch (thrown) {
    await instance.kill();
    throw thrown;
  }
}
