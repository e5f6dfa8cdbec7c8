// The load driver for latencies: bench/load.c, a process of its own, whose calls come at a constant rate (open loop) or
// one after another. At a rate the latency of a call counts from the moment it was due, also when nobody was free to
// send it: coordinated omission does not hide what a stalled server does to those who come next.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { type Counts, countsOf } from "../statistics.ts";
import { buildDriver, driverClock } from "./driver.ts";

export interface PacedCall {
  /** On the clock of runtime/trace.ts. */
  readonly dueMs: number;
  /** From due to sent. */
  readonly waitedUs: number;
  /** From sent to the last byte of the answer. */
  readonly tookUs: number;
  /** The server says that it had to start something for it. */
  readonly cold: boolean;
}

export interface Pace {
  readonly perSecond: number;
  readonly connections: number;
  readonly seconds: number;
}

/** What a drive may take beyond its duration; a single answer may take a minute. */
const graceMs = 90_000;

/** @throws Error when an answer has another status than 200, is cut off or does not come. */
export async function driveAtRate(url: string, { perSecond, connections, seconds }: Pace): Promise<PacedCall[]> {
  return await drive(url, ["--rate", String(perSecond), "--connections", String(connections)], seconds);
}

/** One connection that sends the next call when it has the answer to the last. @throws Error as driveAtRate */
export async function driveOneByOne(url: string, seconds: number): Promise<PacedCall[]> {
  return await drive(url, ["--rate", "0"], seconds);
}

/** From due to answered. */
export function latenciesOf(calls: readonly PacedCall[]): Counts {
  return countsOf(calls.map(({ waitedUs, tookUs }) => Math.round(waitedUs + tookUs)));
}

async function drive(url: string, how: readonly string[], seconds: number): Promise<PacedCall[]> {
  const { port, pathname, search } = new URL(url);
  const args = ["--port", port, "--path", `${pathname}${search}`, "--seconds", String(seconds), ...how];
  const { stdout } = await promisify(execFile)(buildDriver("load"), args, {
    timeout: seconds * 1_000 + graceMs,
    maxBuffer: 256 << 20,
  });
  const toMs = driverClock();
  return stdout
    .trim()
    .split("\n")
    .map((line) => parse(line, toMs));
}

function parse(line: string, toMs: (ns: number) => number): PacedCall {
  const [dueNs = Number.NaN, waitedNs = Number.NaN, tookNs = Number.NaN, cold] = line.split(" ").map(Number);
  return { dueMs: toMs(dueNs), waitedUs: waitedNs / 1e3, tookUs: tookNs / 1e3, cold: cold === 1 };
}
