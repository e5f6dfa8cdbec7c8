// The sandbox contract, without code: a set of namespaces + cgroups + a root made of layers under one writable layer.
// linux-sandbox.ts implements it over the warden; guarded-sandbox.ts makes misuse harmless.

import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import type { GrantedNetwork } from "../egress/index.ts";

/** sha256 of a layer's content, 64 lower-case hex characters. */
export type LayerDigest = string;

export interface SandboxLimits {
  readonly memoryBytes: number;
  /** Cpus, may be a fraction: 0.5 is half of one cpu. */
  readonly cpus: number;
  readonly pids: number;
  /** Size of the writable layer. Its pages count as the sandbox's memory too. */
  readonly diskBytes: number;
  readonly diskInodes: number;
  readonly openFiles: number;
}

/** What a sandbox may connect to besides itself, and who hears of it. */
export interface NetworkAccess {
  /** Of whose instances it is one: no function takes more than its share of what all may have. */
  readonly functionName: string;
  readonly network: GrantedNetwork;
  /** A sentence for the function's log: what was refused, and what would allow it. */
  readonly notice: (message: string) => void;
}

/** What makes a sandbox that of one version. */
export interface SandboxClaim {
  readonly hostname: string;
  /** Topmost first. */
  readonly layers: readonly LayerDigest[];
  readonly limits: SandboxLimits;
}

/**
 * Without layers the sandbox is generic: it has everything but a root, and waits for `fork` to be claimed, which brings the
 * root and the final limits.
 */
export interface SandboxSpec extends SandboxClaim {
  /** `[a-z0-9-]{1,64}`, unique in the server; also the id of the instance that will live in it. */
  readonly id: string;
  /**
   * `instance` unless said otherwise. A zygote's program has one descriptor more, 4: the channel on which it waits to be
   * forked (native/libtsfn.h, tsfn_zygote_wait).
   */
  readonly kind?: "instance" | "zygote";
}

export interface Program {
  /** argv[0] is an absolute path inside the sandbox. */
  readonly argv: readonly string[];
  /** The whole environment: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  /** Absolute path inside the sandbox. */
  readonly cwd: string;
}

/** The near ends of what connects a process in a sandbox with tsfnd. None is read before its `resume`. */
export interface ProcessEnds {
  /** The stream to the guest (descriptor 3 inside). Owned by the caller, who destroys it. */
  readonly wire: Socket;
  readonly stdout: PrintedStream;
  readonly stderr: PrintedStream;
  /** null where invocations cannot be sent ahead. Owned by the caller, who closes them. */
  readonly tickets: Tickets | null;
}

/** Read by `data` events; a piece's bytes may be others' once its listeners have returned. */
export interface PrintedStream extends Readable {
  /** Hands over what has arrived by now, as much as a pipe holds. Absent where that cannot be known. */
  readNow?(): void;
}

/** The process started in a sandbox; pid 1 of its pid namespace, unless it is a zygote. */
export interface SandboxProcess extends ProcessEnds {
  /** In the host's terms. */
  readonly pid: number;
  /** What it has done so far; null when that cannot be told. Asks the kernel, which takes some microseconds. */
  readonly activity: () => Activity | null;
  /** Resolves once, when every process of the sandbox is gone; a zygote's, when that is. Never rejects. */
  readonly exited: Promise<ExitReport>;
}

export interface Activity {
  /** Processor time of all its threads. */
  readonly cpuMs: number;
  /** Its main thread waits for something; otherwise it runs, or would if it were given a processor. */
  readonly isAsleep: boolean;
}

/**
 * One for each invocation that was sent to the process ahead of its turn. The process takes a ticket before it begins such
 * an invocation; taking it back revokes the last one sent. Each can be taken once, whatever the other side does meanwhile.
 */
export interface Tickets {
  give(count: number): void;
  /** Takes back all that are left, `most` at most; returns how many. */
  takeBack(most: number): number;
  close(): void;
}

/** A process that is being forked: it reads its wire, and runs the function, once it is complete. */
export interface ForkedProcess extends SandboxProcess {
  /** Every lock is closed. Rejects with SANDBOX_FAILED when it ended before: then nothing of the function has run in it. */
  readonly complete: Promise<ForkSpans>;
}

/**
 * What the time of a fork went into, in order. `root` runs in the warden beside `take` to `fork`, so that only `wait` of it
 * is felt.
 */
export interface ForkSpans {
  /** Limits and descriptors, until the zygote is asked. */
  readonly askUs: number;
  /** The new writable layer, made and attached. */
  readonly rootUs: number;
  /** Until the zygote runs. */
  readonly takeUs: number;
  readonly cgroupUs: number;
  readonly setnsUs: number;
  /** Until the clone runs. */
  readonly forkUs: number;
  /** Its working set is copied. */
  readonly pagesUs: number;
  /** The clone waits for its root. */
  readonly waitUs: number;
  readonly procUs: number;
  /** Descriptors, limits, uid, capabilities, system call filter. */
  readonly lockUs: number;
  /** The event loop; then JavaScript runs. */
  readonly loopUs: number;
}

export interface ExitReport {
  /** null when a signal ended it. */
  readonly exitCode: number | null;
  /** e.g. `SIGKILL`; null when it exited. */
  readonly signal: string | null;
  /** Processes of this sandbox that the kernel killed for want of memory. */
  readonly oomKills: number;
  readonly cpuUs: number;
  readonly memoryPeakBytes: number;
}

export interface SandboxUsage {
  readonly cpuUs: number;
  readonly memoryBytes: number;
  readonly memoryPeakBytes: number;
  readonly pids: number;
  readonly oomKills: number;
  /**
   * What the writable layer has left, seen from outside: the number that statfs("/") tells the instance. 0 while the sandbox
   * has no root.
   */
  readonly layerFreeInodes: number;
}

/** Inode numbers, as `readlink /proc/<pid>/ns/*` shows them. `pid` and `time` are known once a process runs. */
export interface NamespaceIds {
  readonly user: number;
  readonly mnt: number;
  readonly pid: number | null;
  readonly ipc: number;
  readonly uts: number;
  readonly net: number;
  readonly cgroup: number;
  readonly time: number | null;
}

export interface SandboxDescription {
  readonly id: string;
  readonly pid: number | null;
  readonly namespaces: NamespaceIds;
  /** Absolute paths in the host's cgroup file systems, one per hierarchy used. */
  readonly cgroups: readonly string[];
  /** First host uid of the sandbox's range. */
  readonly uidBase: number;
  readonly limits: SandboxLimits;
  readonly layers: readonly LayerDigest[];
}

export interface Sandbox {
  readonly id: string;
  describe(): SandboxDescription;
  /**
   * Gives a sandbox that has no process yet a way out of its own loopback: connections over TCP, and a name server. It ends with the
   * sandbox. Not for a zygote's. @throws TsfnError STARTUP_FAILED where the kernel cannot, NO_CAPACITY; the sandbox is to be
   * destroyed then
   */
  openNetwork(access: NetworkAccess): Promise<void>;
  /**
   * Once per sandbox in this release. @throws TsfnError SANDBOX_FAILED with the failing step, NO_CAPACITY when no more files
   * may be opened; the sandbox is to be destroyed then.
   */
  start(program: Program): Promise<SandboxProcess>;
  /**
   * Forks the process of a zygote's sandbox into this one, which is claimed by it: once, instead of `start`. Limits that are
   * those it was made with cost nothing. What the zygote's process had open is /dev/null in the clone.
   * @throws TsfnError SANDBOX_FAILED with the failing step; nothing runs then, and the sandbox is to be destroyed.
   */
  fork(zygote: Sandbox, claim: SandboxClaim): Promise<ForkedProcess>;
  /**
   * Makes a zygote's sandbox, whose process runs, that of one version: another root under it, hostname and limits. A working
   * directory below / stays in the old root, so the process must chdir. Its open files stay as many as they may be.
   * @throws TsfnError SANDBOX_FAILED with the failing step; the sandbox is to be destroyed then.
   */
  claim(claim: SandboxClaim): Promise<void>;
  /**
   * A fresh writable layer under the running instance, whatever the old one held. Its root moves along; a working directory
   * below / and open files stay in the old layer, so the instance must chdir.
   */
  resetLayer(): Promise<void>;
  /**
   * What this clone has copied of its zygote's memory so far is copied for the zygote's next clones before they run, all at
   * once, which costs half of what it costs page by page. Resolves when the zygote knows.
   * @throws TsfnError SANDBOX_FAILED when the clone or its zygote has ended, or ends meanwhile: nothing is learnt then
   */
  shareWorkingSet(): Promise<void>;
  setLimits(limits: Pick<SandboxLimits, "memoryBytes" | "cpus" | "pids">): Promise<void>;
  usage(): Promise<SandboxUsage>;
  /**
   * Ends every process at once (SIGKILL); `SandboxProcess.exited` tells when they are gone. Of a zygote's sandbox only the
   * zygote: clones live on.
   */
  kill(): Promise<void>;
  /**
   * Kills what runs and removes every kernel object. Idempotent; resolves when nothing is left. With a zygote's sandbox every
   * clone of it ends.
   */
  destroy(): Promise<void>;
}

export interface SandboxFactory {
  /** Whether its sandboxes can be zygotes and clones of them; without, every process is started by exec. */
  readonly canFork: boolean;
  /** Whether its sandboxes have writable layers, which `usage` tells of. */
  readonly hasLayers: boolean;
  /**
   * @throws TsfnError SANDBOX_FAILED {step, errno, detail}, NO_CAPACITY when there are as many sandboxes, or open files, as may
   * be; after undoing what was made
   */
  create(spec: SandboxSpec): Promise<Sandbox>;
}
