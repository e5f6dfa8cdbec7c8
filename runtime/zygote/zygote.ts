// One zygote and its clones: forks it while it lives, counts who came of it, and lets its sandbox go when the last of them
// is gone. zygotes.ts decides when there is one.

import { asTsfnError } from "../errors.ts";
import type { ZygoteProcess, ZygoteRole } from "../instance/index.ts";
import type { ForkedProcess, Sandbox, SandboxClaim } from "../sandbox/index.ts";
import { now } from "../trace.ts";

export class Zygote {
  /** Whom it can be forked for (zygotes.ts). */
  readonly key: string;
  readonly role: ZygoteRole;
  /** What keeps it from being forked; empty: nothing. */
  readonly unforkable: readonly string[];
  readonly startedAtMs = now();
  /** A clone of it has said that it is ready. */
  isProven = false;
  readonly #process: ZygoteProcess;
  readonly #clones: Clones;
  #forks = 0;
  #lessons = 0;
  #isOver = false;

  /** `clones` is what the process's start was told about: the sandbox stays until they are gone. */
  constructor(key: string, role: ZygoteRole, process: ZygoteProcess, clones: Clones) {
    this.key = key;
    this.role = role;
    this.unforkable = process.ready.unforkable;
    this.#process = process;
    this.#clones = clones;
    void process.ended.then(() => {
      this.#isOver = true;
    });
  }

  get sandbox(): Sandbox {
    return this.#process.sandbox;
  }

  /** Forks so far, failed ones too. */
  get forks(): number {
    return this.#forks;
  }

  /** Its process is gone or about to go. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Resolves when the process is gone. */
  get ended(): Promise<unknown> {
    return this.#process.ended;
  }

  /** @throws TsfnError SANDBOX_FAILED; the sandbox is to be destroyed then. */
  async fork(sandbox: Sandbox, claim: SandboxClaim): Promise<ForkedProcess> {
    this.#forks += 1;
    const leave = this.#clones.enter();
    try {
      const process = await sandbox.fork(this.#process.sandbox, claim);
      void process.exited.then(leave);
      return process;
    } catch (thrown) {
      leave();
      throw thrown;
    }
  }

  /**
   * The next clones get what this one has written to by now, when it first answers, before they ask for it.
   * Not of a zygote that several versions share: what one writes to is not for the others to know. Resolves when the clone
   * may go.
   */
  async learnFrom(clone: Sandbox, fault: (thrown: unknown) => void): Promise<void> {
    if (this.role !== "function" || this.#lessons >= lessons || this.#isOver) return;
    this.#lessons += 1;
    try {
      await clone.shareWorkingSet();
    } catch (thrown) {
      // It ended meanwhile, and another one's turn comes.
      if (asTsfnError(thrown).code !== "SANDBOX_FAILED") fault(thrown);
    }
  }

  /** Ends the process now; its clones live on. Resolves when the last one and the sandbox are gone. */
  retire(): Promise<void> {
    this.#isOver = true;
    return this.#process.kill();
  }
}

/** Two are wanted (native/zygote.c); a clone may end of itself before its working set has been found. */
const lessons = 4;

/** How many clones there are, or may come to be. */
export class Clones {
  #count = 0;
  #waiting: (() => void)[] = [];

  /** One more; call what it returns when that one is gone. */
  enter(): () => void {
    this.#count += 1;
    return () => {
      this.#count -= 1;
      if (this.#count === 0) for (const resolve of this.#waiting.splice(0)) resolve();
    };
  }

  readonly none = (): Promise<void> => {
    if (this.#count === 0) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  };
}
