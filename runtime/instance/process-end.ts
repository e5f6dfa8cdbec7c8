// The end of a process as tsfnd sees it: its exit, the end of its stream and its last lines come on ways of their own.

import type { ExitReport, SandboxProcess } from "../sandbox/index.ts";
import type { ProcessOutput } from "./process-output.ts";

/** How long a retiring process may take to exit by itself. */
export const retireGraceMs = 500;
/** Between the end of the stream and the end of the process, when both end together. */
export const exitGraceMs = 100;

export class ProcessEnd {
  readonly #process: SandboxProcess;
  readonly #output: ProcessOutput;
  readonly #wireClosed = Promise.withResolvers<void>();

  constructor(process: SandboxProcess, output: ProcessOutput) {
    this.#process = process;
    this.#output = output;
  }

  wireClosed(): void {
    this.#wireClosed.resolve();
  }

  /** Resolves when it is gone; a frame or a line from before its end may arrive after the news of it, and has then arrived. */
  async came(): Promise<ExitReport> {
    const exit = await this.#process.exited;
    await this.#output.drain(this.#wireClosed.promise);
    return exit;
  }

  /** Acts after that time, if it has not exited by then. */
  unless(afterMs: number, action: () => void): void {
    const timer = setTimeout(action, afterMs);
    void this.#process.exited.then(() => clearTimeout(timer));
  }
}
