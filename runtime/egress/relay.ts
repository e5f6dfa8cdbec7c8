// One connection of a function, carried on by one of this machine: bytes both ways with backpressure, an end as an end, and
// whatever else happens to one side as a reset of the other.

import { connect, type Socket } from "node:net";
import { reset } from "./reset.ts";

export interface RelayParts {
  /** The function's side, half-open ends allowed. */
  readonly inner: Socket;
  readonly address: string;
  readonly port: number;
  readonly connectTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** It never came to a connection; the error's code. */
  readonly failed: (code: string) => void;
}

/** It is over when `inner` is closed; to end it, reset that. */
export function relay({ inner, address, port, connectTimeoutMs, idleTimeoutMs, failed }: RelayParts): void {
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
    outer.setTimeout(idleTimeoutMs);
    inner.pipe(outer);
    outer.pipe(inner);
  });
  closeTogether(inner, outer);
  closeTogether(outer, inner);
}

/** After both ends were passed on there is nothing left to reset. */
function closeTogether(one: Socket, other: Socket): void {
  one.once("close", () => {
    if (one.readableEnded && one.writableFinished) other.destroySoon();
    else reset(other);
  });
}
