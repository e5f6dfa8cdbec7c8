// What the kernel would deliver to this machine itself, which is more than its devices tell: an address without a link, a
// local route to a whole network. native/route.c asks.

import { fileURLToPath } from "node:url";
import { getSystemErrorName } from "node:util";
import koffi from "koffi";
import { TsfnError } from "../errors.ts";

/** By address, IPv4 or IPv6, without a zone. @throws Error with the errno's name when the kernel cannot be asked. */
export type LocalRoutes = (address: string) => boolean;

const library = fileURLToPath(new URL("../../native/build/libtsfn.so", import.meta.url));

/** @throws TsfnError INTERNAL when native/ has not been built. */
export function loadLocalRoutes(): LocalRoutes {
  const isLocal = load().func("int tsfn_is_local(const char *)");
  return (address) => {
    const found: number = isLocal(address);
    if (found < 0) throw new Error(`asking for the route to ${address}: ${getSystemErrorName(found)}`);
    return found === 1;
  };
}

function load(): ReturnType<typeof koffi.load> {
  try {
    return koffi.load(library);
  } catch (cause) {
    const hint = "Build it with: npm install";
    throw new TsfnError("INTERNAL", `loading ${library}: ${(cause as Error).message}`, { hint, cause });
  }
}
