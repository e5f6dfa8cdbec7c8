// What paced.ts and held.ts share: the drivers are C programs, built when they are needed, that tell moments on the kernel's monotonic clock.

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { now } from "../../runtime/trace.ts";

const bench = join(import.meta.dirname, "..");

/** The path of `bench/<name>.c`, built. @throws Error with the compiler's words */
export function buildDriver(name: "load" | "hold"): string {
  execFileSync("make", ["--silent", "-C", bench, `build/${name}`]);
  return join(bench, "build", name);
}

/** From nanoseconds of a driver to milliseconds on the clock of runtime/trace.ts, which counts from the start of this process. */
export function driverClock(): (ns: number) => number {
  const originMs = Number(process.hrtime.bigint()) / 1e6 - now();
  return (ns) => ns / 1e6 - originMs;
}
