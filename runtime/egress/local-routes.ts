// What the kernel would deliver to this machine itself, which is more than its devices tell: an address without a link, a
// local route to a whole network. native/route.c asks.

import { getSystemErrorName } from "node:util";
import { loadLibrary } from "../warden/index.ts";

/** By address, IPv4 or IPv6, without a zone. @throws Error with the errno's name when the kernel cannot be asked. */
export type LocalRoutes = (address: string) => boolean;

/** @throws TsfnError INTERNAL when native/ has not been built. */
export function loadLocalRoutes(): LocalRoutes {
  const isLocal = loadLibrary().func("int tsfn_is_local(const char *)");
  return (address) => {
    const found: number = isLocal(address);
    if (found < 0) throw new Error(`asking for the route to ${address}: ${getSystemErrorName(found)}`);
    return found === 1;
  };
}
