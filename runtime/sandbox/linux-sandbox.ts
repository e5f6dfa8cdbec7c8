// The sandbox contract over the warden, which does the kernel work (native/contain.c). Each object here owns one sandbox
// of the warden and the descriptors that came with its process.

import { closeSync } from "node:fs";
import { constants } from "node:os";
import { Readable } from "node:stream";
import type { Egress } from "../egress/index.ts";
import { asTsfnError, TsfnError } from "../errors.ts";
import {
  type ActivityReader,
  type Exit,
  loadActivityReader,
  requests,
  type StartedProcess,
  type WardenClient,
  type WardenRequest,
} from "../warden/index.ts";
import { guard } from "./guarded-sandbox.ts";
import { ProcessSocket } from "./process-socket.ts";
import type {
  ExitReport,
  ForkedProcess,
  NamespaceIds,
  NetworkAccess,
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
import { pipeTickets } from "./tickets.ts";

export function linuxSandboxes(warden: WardenClient, egress: Egress): SandboxFactory {
  const readActivity = loadActivityReader();
  return {
    canFork: true,
    hasLayers: true,
    async create(spec) {
      const { uidBase, namespaces, cgroups } = await warden.request(requests.createSandbox(spec));
      return guard(new LinuxSandbox({ warden, egress, readActivity }, spec, { uidBase, cgroups, namespaces }));
    },
  };
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
}

class LinuxSandbox implements Sandbox {
  readonly id: string;
  readonly #warden: WardenClient;
  readonly #egress: Egress;
  readonly #readActivity: ActivityReader;
  readonly #made: Made;
  readonly #takesInvocations: boolean;
  #claim: SandboxClaim;
  #process: { readonly pid: number; readonly pidNamespace: number; readonly timeNamespace: number } | null = null;

  constructor({ warden, egress, readActivity }: Means, spec: SandboxSpec, made: Made) {
    this.id = spec.id;
    this.#warden = warden;
    this.#egress = egress;
    this.#readActivity = readActivity;
    this.#made = made;
    this.#takesInvocations = spec.kind !== "zygote";
    this.#claim = spec;
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

  async openNetwork({ network, notice }: NetworkAccess): Promise<void> {
    const { id } = this;
    this.#egress.assertRoom();
    const { descriptors } = await this.#warden.request(requests.openNetwork(id)).catch(cannotConnect);
    const [connections = -1, names = -1, nameStreams = -1] = descriptors ?? [];
    const lost = () => void this.#warden.request(requests.kill(id)).catch(ignoreGone);
    this.#egress.open({ id, network, sockets: { connections, names, nameStreams }, notice, lost });
  }

  async start(program: Program): Promise<SandboxProcess> {
    const { process } = await this.#run(requests.startInstance(this.id, program));
    return process;
  }

  async fork(zygote: Sandbox, claim: SandboxClaim): Promise<ForkedProcess> {
    this.#claim = claim;
    const { process, started } = await this.#run(requests.forkInstance(this.id, zygote.id, claim));
    return { ...process, spans: started.spans };
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
    // Its network is gone when both are: the namespace lives as long as one of its sockets.
    await Promise.all([this.#warden.request(requests.destroy(this.id)), this.#egress.close(this.id)]);
    this.#warden.forget(this.id);
  }

  async #run<Started extends StartedProcess>(
    request: WardenRequest<Started>,
  ): Promise<{ readonly process: SandboxProcess; readonly started: Started }> {
    const exited = Promise.withResolvers<ExitReport>();
    this.#warden.onExit(this.id, (exit) => exited.resolve(reportOf(exit)));
    const started = await this.#warden.request(request);
    this.#process = started;
    const [wire = -1, stdout = -1, stderr = -1, tickets = -1] = started.descriptors ?? [];
    const { pid } = started;
    const process = {
      pid,
      activity: () => this.#readActivity(pid),
      wire: new ProcessSocket(wire, { writable: true }),
      stdout: stdout < 0 ? Readable.from([]) : new ProcessSocket(stdout, { writable: false }),
      stderr: stderr < 0 ? Readable.from([]) : new ProcessSocket(stderr, { writable: false }),
      tickets: this.#takesInvocations ? pipeTickets(tickets) : unused(tickets),
      exited: exited.promise,
    };
    return { process, started };
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

function unused(fd: number): null {
  closeSync(fd);
  return null;
}
