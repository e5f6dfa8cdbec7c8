// The closed-loop load driver: wrk (Debian's package), in a process of its own. Each of its connections sends the next
// request when the last answer is complete, so it finds out how much a server can answer. Latencies come from paced.ts:
// those of wrk 4.1 are filled up by what it expects, which on a machine that stalls is not what was seen.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";

export interface ClosedLoop {
  readonly perSecond: number;
  readonly requests: number;
}

const script = join(import.meta.dirname, "wrk.lua");
/** What the command may take on top of the load itself. */
const graceMs = 30_000;

/** @throws Error when wrk is not installed, or when one answer was missing, late by 2 s or not a 2xx or 3xx. */
export async function driveClosedLoop(url: string, connections: number, seconds: number): Promise<ClosedLoop> {
  const args = ["--threads", "1", "--connections", String(connections), "--duration", `${seconds}s`];
  const { stdout } = await promisify(execFile)("wrk", [...args, "--script", script, url], {
    timeout: seconds * 1_000 + graceMs,
    maxBuffer: 64 << 20,
  }).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === "ENOENT" ? "wrk is not installed; run bench/setup" : cause.message;
    throw new Error(`cannot load ${url}: ${why}`, { cause });
  });
  return parse(stdout, url);
}

function parse(stdout: string, url: string): ClosedLoop {
  const line = /^\{"requests".*$/m.exec(stdout)?.[0];
  if (line === undefined) throw new Error(`wrk told nothing about ${url}:\n${stdout}`);
  const { requests, durationUs, failures } = JSON.parse(line) as {
    readonly requests: number;
    readonly durationUs: number;
    readonly failures: number;
  };
  if (failures > 0 || requests === 0)
    throw new Error(`${failures} of ${requests} calls of ${url} failed; wanted none:\n${stdout.slice(0, 1_000)}`);
  return { perSecond: (requests * 1_000_000) / durationUs, requests };
}
