// The sandbox contract over the warden, which does the kernel work (native/contain.c). Each object here owns one sandbox
// of the warden and the descriptors that came with its process.

import { constants } from "node:os";
import type { Egress } from "../egress/index.ts";
import { asTsfnError, TsfnError } from "../errors.ts";
import {
  type ActivityReader,
  type Exit,
  isDoneInVain,
  loadActivityReader,
  requests,
  type StartedProcess,
  type WardenClient,
} from "../warden/index.ts";
import { guard } from "./guarded-sandbox.ts";
import { closeEnds, openEnds } from "./process-ends.ts";
import type {
  ExitReport,
  ForkedProcess,
  ForkSpans,
  NamespaceIds,
  NetworkAccess,
  ProcessEnds,
  Program,
  Sandbox,
  SandboxClaim,
  SandboxDescription,
  SandboxFactory,
  SandboxLimits,
  SandboxProcess,
  SandboxSpec,
  SandboxUsage,
} from "./sandbox.ts";

export function linuxSandboxes(warden: WardenClient, egress: Egress): SandboxFactory {
  const readActivity = loadActivityReader();
  return {
    canFork: true,
    hasLayers: true,
    async create(spec) {
      const { descriptors, ...made } = await create(warden, spec);
      const ends = spec.layers.length === 0 ? openEnds(descriptors) : null;
      return guard(new LinuxSandbox({ warden, egress, readActivity }, spec, { ...made, ends }));
    },
  };
}

/** What is made and cannot be used is nobody's to destroy but ours. */
async function create(warden: WardenClient, spec: SandboxSpec) {
  try {
    return await warden.request(requests.createSandbox(spec));
  } catch (thrown) {
    if (isDoneInVain(thrown)) await warden.request(requests.destroy(spec.id));
    throw thrown;
  }
}

interface Means {
  readonly warden: WardenClient;
  readonly egress: Egress;
  readonly readActivity: ActivityReader;
}

interface Made {
  readonly uidBase: number;
  readonly cgroups: readonly string[];
  readonly namespaces: Omit<NamespaceIds, "pid" | "time">;
  /** Of whom will be forked into it; null: they come with its process. */
  readonly ends: ProcessEnds | null;
}

class LinuxSandbox implements Sandbox {
  readonly id: string;
  readonly #warden: WardenClient;
  readonly #egress: Egress;
  readonly #readActivity: ActivityReader;
  readonly #made: Made;
  readonly #takesInvocations: boolean;
  #claim: SandboxClaim;
  /** Nobody has them yet. */
  #ends: ProcessEnds | null;
  #process: { readonly pid: number; readonly pidNamespace: number; readonly timeNamespace: number } | null = null;

  constructor({ warden, egress, readActivity }: Means, spec: SandboxSpec, made: Made) {
    this.id = spec.id;
    this.#warden = warden;
    this.#egress = egress;
    this.#readActivity = readActivity;
    this.#made = made;
    this.#takesInvocations = spec.kind !== "zygote";
    this.#claim = spec;
    this.#ends = made.ends;
  }

  describe(): SandboxDescription {
    const { uidBase, cgroups, namespaces } = this.#made;
    return {
      id: this.id,
      pid: this.#process?.pid ?? null,
      namespaces: {
        ...namespaces,
        pid: this.#process?.pidNamespace ?? null,
        time: this.#process?.timeNamespace ?? null,
      },
      cgroups,
      uidBase,
      limits: this.#claim.limits,
      layers: this.#claim.layers,
    };
  }

  async openNetwork(access: NetworkAccess): Promise<void> {
    const { id } = this;
    const room = this.#egress.reserve();
    try {
      const { descriptors } = await this.#warden.request(requests.openNetwork(id)).catch(cannotConnect);
      const [connections = -1, names = -1, nameStreams = -1] = descriptors ?? [];
      const lost = () => void this.#warden.request(requests.kill(id)).catch(ignoreGone);
      room.open({ id, ...access, sockets: { connections, names, nameStreams }, lost });
    } finally {
      room.release();
    }
  }

  async start(program: Program): Promise<SandboxProcess> {
    const exited = Promise.withResolvers<ExitReport>();
    this.#warden.listen(this.id, { exited: (exit) => exited.resolve(reportOf(exit)) });
    const started = await this.#warden.request(requests.startInstance(this.id, program));
    const ends = openEnds(started.descriptors, { hasTickets: this.#takesInvocations });
    return this.#processOf(ends, started, exited.promise);
  }

  async fork(zygote: Sandbox, claim: SandboxClaim): Promise<ForkedProcess> {
    const exited = Promise.withResolvers<ExitReport>();
    const complete = Promise.withResolvers<ForkSpans>();
    complete.promise.catch(() => {}); // Whoever forks may only want to know of the end.
    let isComplete = false;
    this.#claim = claim;
    this.#warden.listen(this.id, {
      complete: (outcome) => {
        isComplete = true;
        if (outcome instanceof TsfnError) complete.reject(outcome);
        else complete.resolve(outcome);
      },
      exited: (exit) => {
        const lost = () => new TsfnError("SANDBOX_FAILED", `the clone in ${this.id} ended with the warden`);
        if (!isComplete) complete.reject(lost());
        exited.resolve(reportOf(exit));
      },
    });
    const ends = this.#ends;
    const started = await this.#warden.request(requests.forkInstance(this.id, zygote.id, claim));
    if (ends === null) throw new Error(`the warden forked into ${this.id}, which has no ends for a clone`);
    const process = this.#processOf(ends, started, exited.promise);
    this.#ends = null;
    return { ...process, complete: complete.promise };
  }

  async claim(claim: SandboxClaim): Promise<void> {
    await this.#warden.request(requests.claimZygote(this.id, claim));
    this.#claim = claim;
  }

  async resetLayer(): Promise<void> {
    await this.#warden.request(requests.resetLayer(this.id));
  }

  async shareWorkingSet(): Promise<void> {
    await this.#warden.request(requests.shareWorkingSet(this.id));
  }

  async setLimits(limits: Pick<SandboxLimits, "memoryBytes" | "cpus" | "pids">): Promise<void> {
    await this.#warden.request(requests.setLimits(this.id, limits));
    this.#claim = { ...this.#claim, limits: { ...this.#claim.limits, ...limits } };
  }

  usage(): Promise<SandboxUsage> {
    return this.#warden.request(requests.usage(this.id));
  }

  async kill(): Promise<void> {
    await this.#warden.request(requests.kill(this.id));
  }

  async destroy(): Promise<void> {
    if (this.#ends !== null) closeEnds(this.#ends);
    this.#ends = null;
    // Its network is gone when both are: the namespace lives as long as one of its sockets.
    await Promise.all([this.#warden.request(requests.destroy(this.id)), this.#egress.close(this.id)]);
    this.#warden.forget(this.id);
  }

  #processOf(
    { wire, stdout, stderr, tickets }: ProcessEnds,
    started: StartedProcess,
    exited: Promise<ExitReport>,
  ): SandboxProcess {
    this.#process = started;
    const { pid } = started;
    return { wire, stdout, stderr, tickets, pid, exited, activity: () => this.#readActivity(pid) };
  }
}

/** Asked again in vain: what is missing is the kernel's. */
function cannotConnect(thrown: unknown): never {
  if (asTsfnError(thrown).code !== "SANDBOX_FAILED") throw thrown;
  const message = `no network can be had for the function: ${asTsfnError(thrown).message}`;
  throw new TsfnError("STARTUP_FAILED", message, { hint: "Run: tsfn doctor (network-egress)", cause: thrown });
}

/** Whoever is to be killed may have gone already. */
function ignoreGone(): void {}

/** Some numbers have two names; the first is the usual one. */
const signalNames = new Map(
  Object.entries(constants.signals)
    .reverse()
    .map(([name, number]) => [number, name]),
);

function reportOf({ bySignal, status, oomKills, cpuUs, memoryPeakBytes }: Exit): ExitReport {
  return {
    exitCode: bySignal ? null : status,
    signal: bySignal ? (signalNames.get(status) ?? `signal ${status}`) : null,
    oomKills,
    cpuUs,
    memoryPeakBytes,
  };
}
