// What makes a clone a process of its own: everything that a fork copies and that must differ. random.ts and clock.ts are
// the longer items; the functions' own are fork-hooks.ts.

import { syncBuiltinESMExports } from "node:module";
import { makeClocksForkable } from "./clock.ts";
import { makeRandomnessForkable } from "./random.ts";

/** In a zygote, before any code of the function. Returns what each clone calls, before any code of the function. */
export function makeForkable(): () => void {
  const renewals = [makeRandomnessForkable(), makeClocksForkable()];
  tellPid();
  // Named imports of Node's modules are copies; this renews them.
  syncBuiltinESMExports();
  return () => {
    for (const renew of renewals) renew();
  };
}

/**
 * Node reads it once; process.ppid asks the kernel each time. A clone is the first process of its sandbox, and its zygote
 * says so already: code that is loaded before the fork may import the number by name.
 */
function tellPid(): void {
  Object.defineProperty(process, "pid", { configurable: true, enumerable: true, writable: false, value: 1 });
}
