// The guest's end of the stream to tsfnd. Everything is read into the same memory: a buffer for each piece would be most of what
// the garbage collector has to do for a short call.

import { Buffer } from "node:buffer";
import { Socket } from "node:net";

const readBytes = 65_536;

/** A piece that `data` brings is its listener's only until that returns. */
export function openWire(fd: number): Socket {
  const callback = (bytes: number, buffer: Uint8Array): boolean => {
    wire.emit("data", (buffer as Buffer).subarray(0, bytes));
    return true;
  };
  const onread = { buffer: Buffer.allocUnsafeSlow(readBytes), callback };
  const wire: Socket = new Socket({ fd, readable: true, writable: true, onread });
  return wire;
}
