// The guest's end of the tickets, descriptor 4: a pipe with a byte for every invocation that was sent ahead. Whoever reads a
// byte has that invocation: this process to begin it, or tsfnd, which has taken it back.

import { Buffer } from "node:buffer";
import { readSync } from "node:fs";

export const ticketsFd = 4;

/** Takes the next ticket; false when tsfnd has taken it back. */
export type TakeTicket = () => boolean;

export function ticketsOf(fd: number): TakeTicket {
  const ticket = Buffer.alloc(1);
  return () => {
    try {
      return readSync(fd, ticket, 0, 1, null) === 1;
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "EAGAIN") return false;
      throw error;
    }
  };
}
