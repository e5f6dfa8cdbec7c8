// What is sent ahead and taken back, held against every order of events: whatever tsfnd takes back the guest never begins, what
// the guest has begun is never taken back, and nothing is lost.

import test from "ava";
import fc from "fast-check";
import { AheadLine } from "../../runtime/instance/ahead-line.ts";
import { until } from "../support/until.ts";

/** A guest as docs/wire.md describes it, at the other end of a stream that is read later than it is written. */
class Guest {
  readonly stream: (number | "revoke")[] = [];
  readonly begun: number[] = [];
  #ahead: number[] = [];
  tickets = 0;
  running: number | null = 0;

  /** Reads one frame; true when it is to be answered by revoked. */
  read(): boolean {
    const frame = this.stream.shift();
    if (frame === "revoke") this.#ahead = [];
    else if (frame !== undefined) this.#ahead.push(frame);
    return frame === "revoke";
  }

  /** Begins the next one when nothing runs. */
  next(): void {
    while (this.running === null) {
      const number = this.#ahead.shift();
      if (number === undefined) return;
      if (this.tickets === 0) continue;
      this.tickets -= 1;
      this.running = number;
      this.begun.push(number);
    }
  }
}

type Step = "send" | "leave" | "read" | "next" | "settle" | "takeBack" | "revoked" | "crash";
const steps = fc.array(
  fc.constantFrom<Step>("send", "send", "leave", "read", "read", "next", "settle", "takeBack", "revoked"),
  { maxLength: 60 },
);

test("whatever happens in whatever order, each is begun here or given back, and never both", (t) => {
  const property = fc.property(steps, (steps) => {
    const world = new World();
    for (const step of steps) world.take(step);
    world.take("crash");
    const { returned, guest, sent } = world;
    t.deepEqual([...guest.begun, ...returned].sort(ascending), sent, "each exactly once");
    t.deepEqual(guest.begun, [...guest.begun].sort(ascending), "in the order in which they were sent");
  });
  t.notThrows(() => fc.assert(property, { numRuns: 3_000 }));
});

test("nothing is sent after a guest that has not forgotten what was taken back", (t) => {
  const world = new World();
  for (const step of ["send", "takeBack"] as const) world.take(step);
  t.false(world.line.hasRoom);
  world.take("read");
  world.take("read");
  world.take("revoked");
  t.true(world.line.hasRoom);
  t.false(world.line.revoked(), "nobody asked");
});

test("those behind an invocation that takes long are given back by themselves, in their order", async (t) => {
  const world = new World();
  world.take("send");
  world.take("send");
  world.workedMs = 1;
  t.false(world.line.hasRoom, "nobody is sent after one that takes long");
  await until("they are given back", () => world.returned.length > 0);
  t.deepEqual(world.returned, [1, 2]);
  t.deepEqual(world.guest.begun, []);
});

function ascending(a: number, b: number): number {
  return a - b;
}

class World {
  readonly guest = new Guest();
  readonly sent: number[] = [];
  readonly returned: number[] = [];
  readonly line: AheadLine<number>;
  workedMs = 0;
  /** Frames that are not written yet. */
  #pending: (number | "revoke")[] = [];
  /** Answers of the guest that tsfnd has not read yet. */
  #toDaemon: (number | "revoked")[] = [];

  constructor() {
    const { guest } = this;
    this.line = new AheadLine({
      tickets: {
        give: (count) => {
          guest.tickets += count;
        },
        takeBack: (most) => {
          const taken = Math.min(most, guest.tickets);
          guest.tickets -= taken;
          return taken;
        },
        close: () => {},
      },
      revoke: () => void this.#pending.push("revoke"),
      workedMs: () => this.workedMs,
      watch: () => {},
      returned: (numbers) => {
        this.returned.push(...numbers);
      },
    });
  }

  take(step: Step): void {
    const { line, guest, sent } = this;
    if (step === "send" && line.hasRoom) {
      sent.push(sent.length + 1);
      line.add(sent.length);
      this.#pending.push(sent.length);
    } else if (step === "leave" || step === "read") {
      line.giveTickets();
      guest.stream.push(...this.#pending.splice(0));
      if (step === "read" && guest.read()) this.#toDaemon.push("revoked");
    } else if (step === "next") guest.next();
    else if (step === "settle" && guest.running !== null) {
      this.#toDaemon.push(guest.running);
      guest.running = null;
    } else if (step === "revoked") this.#hear(1);
    else if (step === "takeBack") line.takeBack();
    else if (step === "crash") {
      // What it had written is read to the end; what has no ticket taken never began.
      this.#hear(this.#toDaemon.length);
      line.takeBack();
      line.close();
    }
  }

  #hear(count: number): void {
    for (const news of this.#toDaemon.splice(0, count)) {
      if (news === "revoked") this.line.revoked();
      else this.line.remove(news);
    }
  }
}
