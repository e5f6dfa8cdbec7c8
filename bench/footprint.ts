// How much memory processes take, as the kernel accounts for it.

import { readProc } from "../test/support/processes.ts";

export interface Footprint {
  /** Each shared page divided by the number of those who share it. */
  readonly pssKib: number;
  /** Nobody else has it; what would be free again if the process ended. */
  readonly privateKib: number;
  /** Private, and not a copy of a file. */
  readonly anonymousKib: number;
  readonly pageTablesKib: number;
  readonly mappings: number;
}

/** @throws Error when the process has ended. */
export function footprintOf(pid: number): Footprint {
  const [rollup, status, maps] = ["smaps_rollup", "status", "maps"].map((name) => readProc(pid, name));
  if (rollup === undefined || status === undefined || maps === undefined) {
    throw new Error(`process ${pid} ended before its memory was read`);
  }
  const kib = (text: string, name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1] ?? 0);
  return {
    pssKib: kib(rollup, "Pss"),
    privateKib: kib(rollup, "Private_Dirty") + kib(rollup, "Private_Clean"),
    anonymousKib: kib(rollup, "Anonymous"),
    pageTablesKib: kib(status, "VmPTE"),
    mappings: maps.trim().split("\n").length,
  };
}
