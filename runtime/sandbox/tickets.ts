// Tickets over a pipe that the warden makes with every process (native/ends.c): a byte is a ticket, and a byte is read only
// once, whoever reads first. The process reads through an open file of its own (runtime/guest/tickets.ts).

import { closeSync, readSync, writeSync } from "node:fs";
import { isErrno } from "../errors.ts";
import type { Tickets } from "./sandbox.ts";

/** More than are ever given at once. */
const room = Buffer.alloc(256);

/** `fd` reads and writes the pipe without blocking; it is owned from now on. */
export function pipeTickets(fd: number): Tickets {
  let isOpen = true;
  return {
    give: (count) => void writeSync(fd, room, 0, count),
    takeBack(most) {
      try {
        return readSync(fd, room, 0, most, null);
      } catch (error) {
        if (isErrno(error, "EAGAIN")) return 0;
        throw error;
      }
    },
    close() {
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
}
