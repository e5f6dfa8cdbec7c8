// What was sent to an instance ahead of its turn, while another invocation ran: the guest begins each with a ticket. As long as
// a ticket is there its invocation can be taken back, whatever the guest is busy with; when the running one turns out long,
// all are. docs/decisions/0008-sending-ahead.md says why.

import type { Tickets } from "../sandbox/index.ts";
import { limits } from "../wire/index.ts";

/** How long the running invocation may take before those behind it are better off elsewhere. */
export const patienceMs = 1;

export interface AheadLineParts<Sent> {
  readonly tickets: Tickets;
  /** Tells the guest to forget those that have not begun; it answers. */
  readonly revoke: () => void;
  /** How long the invocation that runs now has been at work. */
  readonly workedMs: () => number;
  /** What it works is counted from now on. */
  readonly watch: () => void;
  /** These never began, and will not here. */
  readonly returned: (sent: readonly Sent[]) => void;
}

export class AheadLine<Sent> {
  readonly #parts: AheadLineParts<Sent>;
  /** Not known to be over; the guest takes their tickets in this order. */
  readonly #sent: Sent[] = [];
  /** Sent without their tickets yet: those of one tick are given together. */
  #owed = 0;
  #isRevoking = false;
  #timer: NodeJS.Timeout | null = null;

  constructor(parts: AheadLineParts<Sent>) {
    this.#parts = parts;
  }

  /** A guest that has not forgotten those taken back could begin them with the tickets of others. */
  get hasRoom(): boolean {
    return !this.#isRevoking && this.#sent.length < limits.maxAhead && this.#parts.workedMs() < patienceMs;
  }

  add(sent: Sent): void {
    this.#sent.push(sent);
    this.#owed += 1;
    this.#timer ??= this.#later();
  }

  /** Before the frames of those added leave. */
  giveTickets(): void {
    if (this.#owed === 0) return;
    this.#parts.tickets.give(this.#owed);
    this.#owed = 0;
  }

  /** It is over. */
  remove(sent: Sent): void {
    const at = this.#sent.indexOf(sent);
    if (at >= 0) this.#sent.splice(at, 1);
  }

  /** Takes back all that have not begun. */
  takeBack(): void {
    if (this.#sent.length === 0) return;
    this.giveTickets();
    const count = this.#parts.tickets.takeBack(this.#sent.length);
    if (count === 0) return;
    const back = this.#sent.splice(-count);
    if (!this.#isRevoking) this.#parts.revoke();
    this.#isRevoking = true;
    this.#parts.returned(back);
  }

  /** The guest has forgotten them. False when it was not asked to. */
  revoked(): boolean {
    const wasRevoking = this.#isRevoking;
    this.#isRevoking = false;
    return wasRevoking;
  }

  close(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #later(): NodeJS.Timeout {
    // What has arrived meanwhile is read first: a busy tsfnd must not take its own delay for the guest's.
    this.#parts.watch();
    return setTimeout(() => setImmediate(() => this.#look()), patienceMs).unref();
  }

  #look(): void {
    if (this.#timer === null) return;
    this.#timer = null;
    if (this.#sent.length > 0 && this.#parts.workedMs() >= patienceMs) this.takeBack();
    if (this.#sent.length > 0) this.#timer = this.#later();
  }
}
