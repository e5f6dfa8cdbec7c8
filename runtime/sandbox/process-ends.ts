// What tsfnd holds of a process in a sandbox, from the descriptors that the warden hands over.

import { closeSync } from "node:fs";
import { Readable } from "node:stream";
import { ProcessSocket } from "./process-socket.ts";
import type { ProcessEnds } from "./sandbox.ts";
import { pipeTickets } from "./tickets.ts";

/** `descriptors` are wire, stdout, stderr and tickets; they are owned from now on. */
export function openEnds(descriptors: readonly number[] = [], { hasTickets = true } = {}): ProcessEnds {
  const [wire = -1, stdout = -1, stderr = -1, tickets = -1] = descriptors;
  if (!hasTickets) closeSync(tickets);
  return {
    wire: new ProcessSocket(wire, { writable: true }),
    stdout: stdout < 0 ? Readable.from([]) : new ProcessSocket(stdout, { writable: false }),
    stderr: stderr < 0 ? Readable.from([]) : new ProcessSocket(stderr, { writable: false }),
    tickets: hasTickets ? pipeTickets(tickets) : null,
  };
}

/** Of a process with which nobody speaks. */
export function closeEnds({ wire, stdout, stderr, tickets }: ProcessEnds): void {
  for (const stream of [wire, stdout, stderr]) stream.destroy();
  tickets?.close();
}
