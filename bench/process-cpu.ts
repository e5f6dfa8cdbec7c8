// CPU time of single processes, to tell who of several pays for a call. Sums over processes that come and go are
// cpu-meter.ts's.

import { execFileSync } from "node:child_process";
import { readProc } from "../test/support/processes.ts";

const ticksPerSecond = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));

/** Milliseconds so far, threads that have ended included; NaN when the process has ended. proc_pid_stat(5). */
export function cpuMsOf(pid: number): number {
  const stat = readProc(pid, "stat");
  // The name, in parentheses, may hold anything; utime and stime are fields 14 and 15.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / ticksPerSecond;
}
