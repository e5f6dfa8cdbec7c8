// The identifiers a request carries through everything: its request id and its W3C trace context.

import { randomFillSync, randomUUIDv7 } from "node:crypto";
import type { IncomingMessage } from "node:http";

/** The client's id when it is harmless, else a new UUIDv7. */
export function requestIdOf(request: IncomingMessage): string {
  const sent = request.headers["x-request-id"];
  return typeof sent === "string" && /^[A-Za-z0-9._-]{1,128}$/.test(sent) ? sent : randomUUIDv7();
}

/** Whether a `traceparent` is one that W3C Trace Context, level 1, lets a receiver continue. */
export function isTraceparent(value: string): boolean {
  const match = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/.exec(value);
  if (match === null) return false;
  const [, version, traceId, parentId, more] = match;
  if (version === "ff" || (version === "00" && more !== undefined)) return false;
  return !/^0+$/.test(traceId ?? "") && !/^0+$/.test(parentId ?? "");
}

/** A new trace, not sampled: nothing records it yet. */
export const newTraceparent = traceparents();

/** The kernel is asked for the randomness of many at once: each asking costs more than all the rest. */
function traceparents(): () => string {
  const bytes = 24;
  const random = Buffer.alloc(128 * bytes);
  let used = random.length;
  return () => {
    if (used === random.length) {
      randomFillSync(random);
      used = 0;
    }
    const id = random.toString("hex", used, used + bytes);
    used += bytes;
    return `00-${id.slice(0, 32)}-${id.slice(32)}-00`;
  };
}
