// Callers that never stop: each sends one request after the other, and what became of every one of them is written down.

import type { Server } from "./server.ts";

export interface Outcome {
  readonly path: string;
  readonly startedAtMs: number;
  /** null when the connection broke without an answer; `text` is the error then. */
  readonly status: number | null;
  readonly text: string;
}

export interface Load {
  readonly outcomes: readonly Outcome[];
  answered(): number;
  /** Resolves when the last answer is there. */
  stop(): Promise<void>;
}

/** A caller is done when its connection breaks. @param paths one caller for each, who adds a query of its own every time */
export function startLoad(server: Server, paths: readonly string[]): Load {
  const outcomes: Outcome[] = [];
  let running = true;
  const call = async (path: string): Promise<Outcome> => {
    const startedAtMs = performance.now();
    try {
      const response = await server.fetch(path, { signal: AbortSignal.timeout(60_000) });
      return { path, startedAtMs, status: response.status, text: await response.text() };
    } catch (error) {
      return { path, startedAtMs, status: null, text: `${error} ${(error as Error).cause ?? ""}` };
    }
  };
  const caller = async (path: string, index: number): Promise<void> => {
    for (let turn = 0; running; turn += 1) {
      // No two ask the same, so that an answer shows whose it is.
      const outcome = await call(`${path}${path.includes("?") ? "&" : "?"}nonce=${index}-${turn}`);
      outcomes.push(outcome);
      if (outcome.status === null) return;
    }
  };
  const callers = paths.map(caller);
  return {
    outcomes,
    answered: () => outcomes.filter(({ status }) => status === 200).length,
    async stop() {
      running = false;
      await Promise.all(callers);
    },
  };
}

/** What a caller may hear of a process that died under its call; anything else is a fault of ours. */
export const honest = /"code":"(?:FUNCTION_CRASHED|STARTUP_FAILED|NO_CAPACITY|SHUTTING_DOWN|WARDEN_LOST)"/;
