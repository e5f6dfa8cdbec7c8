// The recipe of a fork: which mode, which zygote, which sandbox, and what to do when one of them fails. A version that asks
// for more than its code allows is forked earlier, or not at all, and `describe` says why.

import type { FunctionVersion } from "../catalog/index.ts";
import { asTsfnError, TsfnError } from "../errors.ts";
import {
  type Fork,
  type Forker,
  type ForkOrder,
  type InstanceOrder,
  type StartMode,
  sandboxFor,
  type ZygoteRole,
} from "../instance/index.ts";
import { closeEnds, type ForkedProcess, type SandboxPool } from "../sandbox/index.ts";
import { now } from "../trace.ts";
import type { Zygote } from "./zygote.ts";
import type { Zygotes } from "./zygotes.ts";

export interface ForkerParts {
  readonly zygotes: Zygotes;
  readonly sandboxes: SandboxPool;
  /** Something failed that no caller noticed. */
  readonly fault: (thrown: unknown) => void;
}

/** How a version's instances start, and why not as its manifest asks. */
export interface StartDescription {
  readonly wanted: StartMode;
  readonly mode: StartMode;
  /** null: as wanted. */
  readonly reason: string | null;
}

/** What the runtime asks besides forks. */
export interface VersionForker extends Forker {
  describe(version: FunctionVersion): StartDescription;
  /** Lets go of the zygote that its instances are forked from, and of what was learned about it. */
  renew(version: FunctionVersion): void;
  /** No instance of this version will be started any more. */
  drop(version: FunctionVersion): void;
  /** Resolves when no zygote, clone or sandbox made ahead is left. */
  close(): Promise<void>;
}

/** For sandboxes that cannot be forked into: everything is started by exec. */
export const noForker: VersionForker = {
  fork: () => Promise.resolve(null),
  describe({ manifest: { prefork } }) {
    const reason = prefork === "none" ? null : "these sandboxes cannot be forked into";
    return { wanted: prefork, mode: "none", reason };
  },
  renew: () => {},
  drop: () => {},
  close: () => Promise.resolve(),
};

export class ZygoteForker implements VersionForker {
  readonly #parts: ForkerParts;
  /** Versions (`hello@3`) that cannot be forked once they are loaded, with the reason; forgotten by `drop`. */
  readonly #unforkable = new Map<string, string>();

  constructor(parts: ForkerParts) {
    this.#parts = parts;
  }

  async fork(order: InstanceOrder): Promise<Fork | null> {
    const { mode } = this.describe(order.version);
    if (mode === "none") return null;
    const zygote = await this.#zygote(mode, order);
    if (zygote === null) return null;
    try {
      return await this.#fork(zygote, order);
    } catch (thrown) {
      if (asTsfnError(thrown).code !== "SANDBOX_FAILED") throw thrown;
      // One more try, with another.
      this.#failed(zygote, thrown);
      const next = await this.#zygote(mode, order);
      return next === null ? null : await this.#fork(next, order);
    }
  }

  describe(version: FunctionVersion): StartDescription {
    const { prefork: wanted, secrets } = version.manifest;
    // Its code may read them while it is loaded, and what many clones are copied from must not know them.
    const holds = secrets.length > 0 ? "it has secrets, which no zygote may hold" : null;
    const reason = wanted === "function" ? (holds ?? this.#unforkable.get(nameOf(version)) ?? null) : null;
    return { wanted, mode: reason === null ? wanted : "runtime", reason };
  }

  renew(version: FunctionVersion): void {
    const { mode } = this.describe(version);
    this.#unforkable.delete(nameOf(version));
    if (mode !== "none") this.#parts.zygotes.drop(mode, version);
  }

  drop(version: FunctionVersion): void {
    this.#unforkable.delete(nameOf(version));
    this.#parts.zygotes.drop("function", version);
  }

  async close(): Promise<void> {
    await Promise.all([this.#parts.zygotes.close(), this.#parts.sandboxes.close()]);
  }

  /** null when none can be made, so that the version is to be started by exec. @throws TsfnError of its code */
  async #zygote(role: ZygoteRole, order: ForkOrder): Promise<Zygote | null> {
    const { zygotes, fault } = this.#parts;
    const { version } = order;
    try {
      const zygote = await zygotes.get(role, order);
      if (zygote.unforkable.length === 0) return zygote;
      zygotes.discard(zygote);
      // Node itself, without a function: nothing can be forked here.
      if (role === "runtime") throw new TsfnError("SANDBOX_FAILED", `a zygote has open ${listOf(zygote.unforkable)}`);
      const reason = `loading it left open ${listOf(zygote.unforkable)}`;
      this.#unforkable.set(nameOf(version), reason);
      const { function: name, number } = version;
      const msg = `prefork "function" is not possible: ${reason}; its code is loaded after the fork`;
      order.log({ function: name, version: number, instance: "", stream: "platform", level: "warn", msg });
      return await this.#zygote("runtime", order);
    } catch (thrown) {
      const { code } = asTsfnError(thrown);
      const isOfItsCode = role === "function" && code !== "SANDBOX_FAILED" && code !== "NO_CAPACITY";
      if (isOfItsCode && version.manifest.network !== "none") throw withoutNetwork(thrown);
      if (isOfItsCode || code === "WARDEN_LOST") throw thrown;
      fault(thrown);
      return null;
    }
  }

  /** It died, or does not answer, or its clones do not come to be. */
  #failed(zygote: Zygote, thrown: unknown): void {
    this.#parts.fault(thrown);
    this.#parts.zygotes.discard(zygote);
  }

  async #fork(zygote: Zygote, { version, layers, openNetwork }: InstanceOrder): Promise<Fork> {
    const { hostname, limits } = sandboxFor(version, "", layers);
    const { sandbox, settled } = await this.#parts.sandboxes.take(limits);
    const askedAtMs = now();
    try {
      await openNetwork(sandbox);
      const process = await zygote.fork(sandbox, { hostname, layers, limits });
      const mode = zygote.role;
      const isProven = mode === "function" && zygote.isProven;
      // Of one that is proven whoever takes it need not wait for it.
      if (!isProven) await completeOf(process);
      const proven = () => {
        zygote.isProven = true;
      };
      return {
        mode,
        sandbox,
        process,
        askedAtMs,
        isProven,
        proven,
        failed: (thrown) => this.#failed(zygote, thrown),
        served: () => zygote.learnFrom(sandbox, this.#parts.fault),
      };
    } catch (thrown) {
      await sandbox.destroy().catch(this.#parts.fault);
      throw thrown;
    } finally {
      settled();
    }
  }
}

async function completeOf(process: ForkedProcess): Promise<void> {
  try {
    await process.complete;
  } catch (thrown) {
    closeEnds(process);
    throw thrown;
  }
}

/** What failed may have been a connection. */
function withoutNetwork(thrown: unknown): TsfnError {
  const { code, message, fields } = asTsfnError(thrown);
  if (code !== "LOAD_FAILED") return asTsfnError(thrown);
  const hint = `Mend the source. Loading before the fork is without a network; if it needs one, set "prefork": "runtime"`;
  return new TsfnError(code, message, { ...fields, hint });
}

function nameOf(version: FunctionVersion): string {
  return `${version.function}@${version.number}`;
}

/** `a, b and c`. */
function listOf(words: readonly string[]): string {
  const last = words.at(-1) ?? "";
  return words.length < 2 ? last : `${words.slice(0, -1).join(", ")} and ${last}`;
}
