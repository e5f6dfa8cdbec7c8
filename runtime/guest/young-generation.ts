// V8's young generation, where every object begins: a scavenge of it copies what lives and leaves the rest behind.

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Makes what scavenges it. In the process of the function: V8 gives its collector to contexts made while a flag is set, and no
 * later context, nor the global object, has it.
 */
export function makeScavenger(): () => void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as (options: { readonly type: "minor" }) => void;
  setFlagsFromString("--no-expose-gc");
  return () => {
    // What survives the first moves within it, and leaves it with the second.
    collect({ type: "minor" });
    collect({ type: "minor" });
  };
}
