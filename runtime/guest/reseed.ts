// What makes a clone a process of its own: everything that a fork copies and that must differ. The list is
// docs/decisions/0006; random.ts and clock.ts are its longer items.

import { readlinkSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { makeClocksForkable } from "./clock.ts";
import { makeRandomnessForkable } from "./random.ts";

/** In a zygote, before any code of the function. Returns what each clone calls, before any code of the function. */
export function makeForkable(): () => void {
  const renewals = [makeRandomnessForkable(), makeClocksForkable(), renewPid];
  // Named imports of Node's modules are copies; this renews them.
  syncBuiltinESMExports();
  return () => {
    for (const renew of renewals) renew();
  };
}

/** Node reads it once; process.ppid asks the kernel each time. */
function renewPid(): void {
  const value = Number(readlinkSync("/proc/self"));
  Object.defineProperty(process, "pid", { configurable: true, enumerable: true, writable: false, value });
}
