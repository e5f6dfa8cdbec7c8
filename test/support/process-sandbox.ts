// A SandboxFactory of plain child processes: the contract of runtime/sandbox with a real guest, and no isolation at all.
// For tests of what stands above the sandbox; what needs the kernel uses the real one (test/e2e).

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildGuest } from "../../runtime/guest/index.ts";
import type {
  ExitReport,
  Program,
  Sandbox,
  SandboxDescription,
  SandboxFactory,
  SandboxProcess,
  SandboxSpec,
} from "../../runtime/sandbox/index.ts";

export interface ProcessSandboxes extends SandboxFactory {
  /** Ids of the sandboxes made and not destroyed. */
  readonly live: ReadonlySet<string>;
  /** Kills what is left and removes the temporary files. */
  close(): Promise<void>;
}

/** `layersDir` holds a directory per digest; the topmost layer's `app` becomes the working directory. */
export async function processSandboxes(layersDir: string): Promise<ProcessSandboxes> {
  const directory = await mkdtemp(join(tmpdir(), "tsfn-process-sandbox-"));
  const guestFile = join(directory, "guest.mjs");
  await writeFile(guestFile, (await buildGuest()).guest);
  const live = new Map<string, ProcessSandbox>();
  return {
    canFork: false,
    hasLayers: false,
    get live() {
      return new Set(live.keys());
    },
    async create(spec) {
      const [top = ""] = spec.layers;
      const app = join(directory, spec.id);
      await cp(join(layersDir, top, "app"), app, { recursive: true });
      const sandbox = new ProcessSandbox(spec, app, guestFile, () => live.delete(spec.id));
      live.set(spec.id, sandbox);
      return sandbox;
    },
    async close() {
      await Promise.all([...live.values()].map((sandbox) => sandbox.destroy()));
      await rm(directory, { recursive: true, force: true });
    },
  };
}

class ProcessSandbox implements Sandbox {
  readonly id: string;
  readonly #spec: SandboxSpec;
  readonly #app: string;
  readonly #guestFile: string;
  readonly #onDestroyed: () => void;
  #child: ChildProcess | null = null;
  #exited: Promise<ExitReport> | null = null;

  constructor(spec: SandboxSpec, app: string, guestFile: string, onDestroyed: () => void) {
    this.id = spec.id;
    this.#spec = spec;
    this.#app = app;
    this.#guestFile = guestFile;
    this.#onDestroyed = onDestroyed;
  }

  /** It has this machine's. */
  openNetwork(): Promise<void> {
    return Promise.resolve();
  }

  async start(program: Program): Promise<SandboxProcess> {
    const args = program.argv.slice(1).map((arg) => (arg === "/opt/tsfn/guest.mjs" ? this.#guestFile : arg));
    const child = spawn(process.execPath, args, {
      cwd: this.#app,
      env: program.env,
      stdio: ["ignore", "pipe", "pipe", "pipe"],
      // Its own process group, so that kill() reaches what it started.
      detached: true,
    });
    this.#child = child;
    this.#exited = exitOf(child);
    await once(child, "spawn");
    const { pid, stdout, stderr } = child;
    if (pid === undefined || stdout === null || stderr === null) throw new Error("the child has no pid or no pipes");
    const wire = child.stdio[3] as Socket;
    return { pid, wire, stdout, stderr, tickets: null, activity: () => null, exited: this.#exited };
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    process.kill(-child.pid, "SIGKILL");
  }

  async destroy(): Promise<void> {
    await this.kill();
    await this.#exited;
    await rm(this.#app, { recursive: true, force: true });
    this.#onDestroyed();
  }

  fork(): Promise<never> {
    return Promise.reject(new Error("a process sandbox cannot be forked into"));
  }

  claim(): Promise<never> {
    return Promise.reject(new Error("a plain process is no zygote"));
  }

  async resetLayer(): Promise<void> {}

  shareWorkingSet(): Promise<void> {
    return Promise.reject(new Error("a plain process is no clone"));
  }

  async setLimits(): Promise<void> {}

  async usage() {
    return { cpuUs: 0, memoryBytes: 0, memoryPeakBytes: 0, pids: 1, oomKills: 0, layerFreeInodes: 0 };
  }

  describe(): SandboxDescription {
    const { id, limits, layers } = this.#spec;
    const namespaces = { user: 0, mnt: 0, pid: null, ipc: 0, uts: 0, net: 0, cgroup: 0, time: null };
    return { id, pid: this.#child?.pid ?? null, namespaces, cgroups: [], uidBase: 0, limits, layers };
  }
}

async function exitOf(child: ChildProcess): Promise<ExitReport> {
  const [exitCode, signal] = await once(child, "exit");
  return { exitCode, signal, oomKills: 0, cpuUs: 0, memoryPeakBytes: 0 };
}
