// A guard around a sandbox: after destroy every other call fails with a clear error instead of reaching an object that
// is gone, and destroy itself happens once, whoever asks for it and how often.

import { TsfnError } from "../errors.ts";
import type {
  ForkedProcess,
  NetworkAccess,
  Program,
  Sandbox,
  SandboxClaim,
  SandboxDescription,
  SandboxLimits,
  SandboxProcess,
  SandboxUsage,
} from "./sandbox.ts";

export function guard(sandbox: Sandbox): Sandbox {
  return new GuardedSandbox(sandbox);
}

class GuardedSandbox implements Sandbox {
  readonly id: string;
  readonly #sandbox: Sandbox;
  #started = false;
  #destroyed: Promise<void> | null = null;

  constructor(sandbox: Sandbox) {
    this.id = sandbox.id;
    this.#sandbox = sandbox;
  }

  describe(): SandboxDescription {
    return this.#sandbox.describe();
  }

  async openNetwork(access: NetworkAccess): Promise<void> {
    this.#mustBeAlive("open the network of");
    return this.#sandbox.openNetwork(access);
  }

  async start(program: Program): Promise<SandboxProcess> {
    this.#mustBeEmpty("start a program in");
    return this.#sandbox.start(program);
  }

  async fork(zygote: Sandbox, claim: SandboxClaim): Promise<ForkedProcess> {
    this.#mustBeEmpty("fork a zygote into");
    return this.#sandbox.fork(zygote, claim);
  }

  async claim(claim: SandboxClaim): Promise<void> {
    this.#mustBeAlive("claim");
    return this.#sandbox.claim(claim);
  }

  async resetLayer(): Promise<void> {
    this.#mustBeAlive("reset the layer of");
    return this.#sandbox.resetLayer();
  }

  async shareWorkingSet(): Promise<void> {
    this.#mustBeAlive("share the working set of");
    return this.#sandbox.shareWorkingSet();
  }

  async setLimits(limits: Pick<SandboxLimits, "memoryBytes" | "cpus" | "pids">): Promise<void> {
    this.#mustBeAlive("set limits of");
    return this.#sandbox.setLimits(limits);
  }

  async usage(): Promise<SandboxUsage> {
    this.#mustBeAlive("read the usage of");
    return this.#sandbox.usage();
  }

  /** Harmless after destroy: what is gone is dead. */
  async kill(): Promise<void> {
    if (this.#destroyed !== null) return;
    return this.#sandbox.kill();
  }

  destroy(): Promise<void> {
    this.#destroyed ??= this.#sandbox.destroy();
    return this.#destroyed;
  }

  #mustBeEmpty(action: string): void {
    this.#mustBeAlive(action);
    if (this.#started) throw new TsfnError("SANDBOX_FAILED", `${action} sandbox ${this.id}: it has a process already`);
    this.#started = true;
  }

  #mustBeAlive(action: string): void {
    if (this.#destroyed === null) return;
    throw new TsfnError("SANDBOX_FAILED", `${action} sandbox ${this.id}: it has been destroyed`);
  }
}
