// Many calls at the same time over connections that are open already, held until the caller lets go: each of them keeps
// an instance when the function streams (functions/hold). The driver is bench/hold.c, a process of its own that
// costs the cores it shares with the server next to nothing.

import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { buildDriver, driverClock } from "./driver.ts";

export interface HeldCalls {
  /** The first call, on the clock of runtime/trace.ts. */
  readonly startedAtMs: number;
  /** From then to the first byte of each answer, ascending. */
  readonly answeredMs: readonly number[];
  /** Hangs up; what still streams is cancelled. */
  release(): void;
}

/**
 * @param onStart when all connections are open
 * @throws Error when an answer has another status than 200, is cut off or its body does not begin
 */
export async function holdCalls(
  port: number,
  path: string,
  count: number,
  onStart: () => void = () => undefined,
): Promise<HeldCalls> {
  const driver = spawn(buildDriver("hold"), [String(port), path, String(count)], { stdio: "pipe" });
  const release = () => void driver.kill("SIGKILL");
  try {
    const [started = Number.NaN, ...answers] = await moments(driver, count, onStart);
    const toMs = driverClock();
    const startedAtMs = toMs(started);
    const answeredMs = answers.map((ns) => toMs(ns) - startedAtMs).sort((a, b) => a - b);
    return { startedAtMs, answeredMs, release };
  } catch (error) {
    release();
    throw error;
  }
}

/** Of the first call and of each answer's first byte, nanoseconds. */
async function moments(
  { stdin, stdout, stderr }: ChildProcessWithoutNullStreams,
  count: number,
  onStart: () => void,
): Promise<number[]> {
  const words = text(stderr);
  const lines: number[] = [];
  // It may have ended; then its words say why.
  stdin.on("error", () => undefined);
  for await (const line of createInterface({ input: stdout })) {
    if (line === "open") {
      onStart();
      stdin.write("!");
    } else if (lines.push(Number(line)) === count + 1) return lines;
  }
  throw new Error(`${count} calls could not be held: ${await words}`);
}
