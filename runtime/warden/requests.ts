// Every verb of the warden as a request: how it is written and how its reply is read. client.ts sends them.

import type {
  ForkSpans,
  NamespaceIds,
  Program,
  SandboxClaim,
  SandboxLimits,
  SandboxSpec,
  SandboxUsage,
} from "../sandbox/index.ts";
import { proto, type Reader, Writer } from "./protocol.ts";

/** A question to the warden; `Reply` is what it answers with. */
export interface WardenRequest<Reply> {
  readonly verb: number;
  readonly body: Writer;
  readonly reply: (body: Reader) => Reply;
  /** How many descriptors come over the lane with the reply. */
  readonly descriptors: number;
}

export interface KernelFeature {
  readonly name: string;
  readonly result: "missing" | "ok" | "degraded";
  readonly detail: string;
}

export interface CreatedSandbox {
  readonly uidBase: number;
  readonly namespaces: Omit<NamespaceIds, "pid" | "time">;
  readonly cgroups: readonly string[];
}

export interface StartedProcess {
  readonly pid: number;
  readonly pidNamespace: number;
  readonly timeNamespace: number;
}

export interface ListedSandbox {
  readonly id: string;
  readonly pid: number;
  readonly state: "empty" | "running" | "exited" | "destroying" | "making";
}

/** The EXITED event. */
export interface Exit {
  readonly id: string;
  readonly pid: number;
  readonly bySignal: boolean;
  /** The exit code, or the signal's number. */
  readonly status: number;
  readonly oomKills: number;
  readonly cpuUs: number;
  readonly memoryPeakBytes: number;
}

export const requests = {
  probe: (): WardenRequest<KernelFeature[]> =>
    request(proto.PROBE, new Writer(), (body) =>
      body.list(() => ({ name: body.string(), result: featureResults[body.u8()] ?? "missing", detail: body.string() })),
    ),

  createSandbox: (spec: SandboxSpec): WardenRequest<CreatedSandbox> => ({
    ...request(
      proto.SANDBOX_CREATE,
      writeClaim(
        new Writer().string(spec.id).u8(spec.kind === "zygote" ? proto.KIND_ZYGOTE : proto.KIND_INSTANCE),
        spec,
      ),
      (body) => ({
        uidBase: body.u32(),
        namespaces: {
          user: body.u64(),
          mnt: body.u64(),
          ipc: body.u64(),
          uts: body.u64(),
          net: body.u64(),
          cgroup: body.u64(),
        },
        cgroups: body.list(() => body.string()),
      }),
    ),
    descriptors: spec.layers.length === 0 ? endsOfProcess : 0,
  }),

  startInstance: (id: string, program: Program): WardenRequest<StartedProcess> => ({
    ...request(
      proto.INSTANCE_START,
      new Writer()
        .string(id)
        .list(program.argv)
        .list(Object.entries(program.env).map(([name, value]) => `${name}=${value}`))
        .string(program.cwd),
      readStarted,
    ),
    descriptors: endsOfProcess,
  }),

  forkInstance: (id: string, zygoteId: string, claim: SandboxClaim): WardenRequest<StartedProcess> =>
    request(proto.INSTANCE_FORK, writeClaim(new Writer().string(id).string(zygoteId), claim), readStarted),

  claimZygote: (id: string, claim: SandboxClaim): WardenRequest<void> =>
    request(proto.ZYGOTE_CLAIM, writeClaim(new Writer().string(id), claim), () => undefined),

  resetLayer: (id: string): WardenRequest<void> => request(proto.LAYER_RESET, new Writer().string(id), () => undefined),

  shareWorkingSet: (id: string): WardenRequest<void> =>
    request(proto.WORKING_SET, new Writer().string(id), () => undefined),

  openNetwork: (id: string): WardenRequest<void> => ({
    ...request(proto.NETWORK_OPEN, new Writer().string(id), () => undefined),
    descriptors: 3,
  }),

  setLimits: (id: string, limits: Pick<SandboxLimits, "memoryBytes" | "cpus" | "pids">): WardenRequest<void> =>
    request(proto.LIMITS_SET, writeLimits(new Writer().string(id), limits), () => undefined),

  usage: (id: string): WardenRequest<SandboxUsage> =>
    request(proto.USAGE, new Writer().string(id), (body) => ({
      cpuUs: body.u64(),
      memoryBytes: body.u64(),
      memoryPeakBytes: body.u64(),
      pids: body.u64(),
      oomKills: body.u64(),
      layerFreeInodes: body.u64(),
    })),

  kill: (id: string): WardenRequest<void> => request(proto.KILL, new Writer().string(id), () => undefined),

  destroy: (id: string): WardenRequest<void> => request(proto.DESTROY, new Writer().string(id), () => undefined),

  list: (): WardenRequest<ListedSandbox[]> =>
    request(proto.LIST, new Writer(), (body) =>
      body.list(() => ({ id: body.string(), pid: body.u32(), state: sandboxStates[body.u8()] ?? "empty" })),
    ),
} as const;

export function readExit(body: Reader): Exit {
  return {
    id: body.string(),
    pid: body.u32(),
    bySignal: body.u8() === 1,
    status: body.u32(),
    oomKills: body.u64(),
    cpuUs: body.u64(),
    memoryPeakBytes: body.u64(),
  };
}

/** Wire, stdout, stderr, tickets. */
const endsOfProcess = 4;

function readStarted(body: Reader): StartedProcess {
  return { pid: body.u32(), pidNamespace: body.u64(), timeNamespace: body.u64() };
}

const featureResults = ["missing", "ok", "degraded"] as const;

/** By PROTO_STATE_*. */
const sandboxStates = ["empty", "running", "exited", "destroying", "making"] as const;

function request<Reply>(verb: number, body: Writer, reply: (body: Reader) => Reply): WardenRequest<Reply> {
  return { verb, body, reply, descriptors: 0 };
}

export function readSpans(body: Reader): ForkSpans {
  const us = body.list(() => body.u32());
  const at = (index: number): number => us[index] ?? 0;
  return {
    askUs: at(proto.SPAN_ASK),
    rootUs: at(proto.SPAN_ROOT),
    takeUs: at(proto.SPAN_TAKE),
    cgroupUs: at(proto.SPAN_CGROUP),
    setnsUs: at(proto.SPAN_SETNS),
    forkUs: at(proto.SPAN_FORK),
    pagesUs: at(proto.SPAN_PAGES),
    waitUs: at(proto.SPAN_WAIT),
    procUs: at(proto.SPAN_PROC),
    lockUs: at(proto.SPAN_LOCK),
    loopUs: at(proto.SPAN_LOOP),
  };
}

function writeClaim(body: Writer, { hostname, layers, limits }: SandboxClaim): Writer {
  return writeLimits(body.string(hostname).list(layers), limits)
    .u64(limits.diskBytes)
    .u64(limits.diskInodes)
    .u64(limits.openFiles);
}

function writeLimits(body: Writer, limits: Pick<SandboxLimits, "memoryBytes" | "cpus" | "pids">): Writer {
  return body
    .u64(limits.memoryBytes)
    .u64(Math.round(limits.cpus * 1_000))
    .u64(limits.pids);
}
