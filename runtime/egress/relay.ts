// One connection of a function, carried on by one of this machine: bytes both ways with backpressure, an end as an end, and
// whatever else happens to one side as a reset of the other.

import { connect, type Socket } from "node:net";
import { plainAddress } from "./address-classes.ts";
import { reset } from "./reset.ts";

export interface RelayParts {
  /** The function's side, half-open ends allowed. */
  readonly inner: Socket;
  readonly address: string;
  readonly port: number;
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** For what is left to be sent to the destination after the function's side has closed; nothing of it went for so long. */
  readonly lingerTimeoutMs: number;
  /** It never came to a connection; the error's code. */
  readonly failed: (code: string) => void;
  /** Whether it may go on, now that it is made from this address of the server; nothing was sent yet. */
  readonly isAllowedFrom: (localAddress: string) => boolean;
}

/** Returns the destination's side. The connection is over when both sides are closed; to end it, reset both. */
export function relay(parts: RelayParts): Socket {
  const { inner, address, port, connectTimeoutMs, idleTimeoutMs, lingerTimeoutMs, failed, isAllowedFrom } = parts;
  const outer = connect({ host: address, port, allowHalfOpen: true, noDelay: true });
  let isConnected = false;
  outer.setTimeout(connectTimeoutMs);
  outer.on("timeout", () => {
    if (!isConnected) failed("ETIMEDOUT");
    reset(outer);
  });
  outer.on("error", (error: NodeJS.ErrnoException) => {
    if (!isConnected && !inner.destroyed) failed(error.code ?? error.message);
  });
  outer.once("connect", () => {
    isConnected = true;
    if (!isAllowedFrom(plainAddress(outer.localAddress ?? ""))) return reset(outer);
    outer.setTimeout(idleTimeoutMs);
    inner.pipe(outer);
    outer.pipe(inner);
  });
  closeTogether(inner, outer, lingerTimeoutMs);
  // A function may take its time to read, and its connections end with it.
  closeTogether(outer, inner, idleTimeoutMs);
  return outer;
}

/** After both ends were passed on there is nothing left to reset, but what the other one has not been sent yet. */
function closeTogether(one: Socket, other: Socket, patienceMs: number): void {
  one.once("close", () => {
    if (!one.readableEnded || !one.writableFinished) return reset(other);
    other.setTimeout(patienceMs, () => reset(other));
    other.destroySoon();
  });
}
