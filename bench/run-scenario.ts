// Runs one scenario in a process of its own, bounded in time: a scenario that crashes, hangs or runs out of memory is an
// error in the report, and the others' results are not lost.

import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { now } from "../runtime/trace.ts";
import type { Report } from "./report.ts";
import type { Message } from "./scenario-process.ts";

export interface Outcome {
  readonly name: string;
  readonly durationS: number;
  readonly report?: Report;
  /** Why there is no report. */
  readonly error?: string;
}

export interface Bounds {
  readonly rounds: number;
  readonly quick: boolean;
  readonly limitS: number;
  /** Ends it early. */
  readonly signal: AbortSignal;
}

const program = join(import.meta.dirname, "scenario-process.ts");
/** After SIGTERM a scenario ends its server, which lets its instances finish. */
const graceMs = 60_000;

export async function runScenario(name: string, { rounds, quick, limitS, signal }: Bounds): Promise<Outcome> {
  const startedAtMs = now();
  const child = fork(program, [name, String(rounds), ...(quick ? ["quick"] : [])], { serialization: "advanced" });
  let message: Message | undefined;
  let ending: string | undefined;
  let kill: NodeJS.Timeout | undefined;
  const end = (why: string) => {
    if (ending !== undefined) return;
    ending = why;
    child.kill("SIGTERM");
    kill = setTimeout(() => child.kill("SIGKILL"), graceMs);
  };
  const onAbort = () => end("interrupted");
  const limit = setTimeout(() => end(`did not end in ${limitS} s`), limitS * 1_000);
  child.on("message", (received: Message) => {
    message = received;
  });
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort);
  try {
    // The channel is empty only when it is closed, which may be after the process has ended.
    const [[code, by]] = await Promise.all([
      once(child, "exit") as Promise<[number | null, string | null]>,
      once(child, "disconnect"),
    ]);
    const durationS = (now() - startedAtMs) / 1_000;
    if (ending === undefined && message !== undefined && "report" in message)
      return { name, durationS, report: message.report };
    const told = [ending, errorIn(message)].filter((part) => part !== undefined).join(": ");
    return { name, durationS, error: told || `its process ended with ${by ?? code}` };
  } finally {
    clearTimeout(limit);
    clearTimeout(kill);
    signal.removeEventListener("abort", onAbort);
  }
}

function errorIn(message: Message | undefined): string | undefined {
  return message !== undefined && "error" in message ? message.error : undefined;
}
