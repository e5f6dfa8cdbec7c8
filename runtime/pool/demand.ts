// What a fleet asks and tells whom its instances are for: the pool, with its waiting line. No code.

import type { TsfnError } from "../errors.ts";
import type { Returned } from "../instance/index.ts";

/** Whom the instances are for. */
export interface Demand {
  waiting(): number;
  /** An instance has room. */
  freed(): void;
  /** These were handed over to an instance where they never began. */
  returned(returned: readonly Returned[]): void;
  /** No instance is left, and another try would fail as well. */
  hopeless(cause: TsfnError): void;
}
