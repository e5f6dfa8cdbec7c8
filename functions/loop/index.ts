// Does one small thing again and again and tells how many nanoseconds it took each time: ?what=syscall, open, read or cpu, as often as
// ?times=. For comparing a sandbox with the machine around it.

import { closeSync, openSync, readSync } from "node:fs";
import type { ExportedHandler } from "tsfn";

const buffer = Buffer.alloc(4_096);
// Opened by the first invocation: what is open while a module is loaded, keeps a version from being forked.
let file = -1;

const things = new Map<string, () => void>([
  ["syscall", () => void process.getuid?.()],
  ["open", () => closeSync(openSync(import.meta.filename, "r"))],
  ["read", () => void readSync(file, buffer, { position: 0 })],
  ["cpu", mixNumbers],
]);

export default {
  async fetch(request) {
    const { searchParams } = new URL(request.url);
    const thing = things.get(searchParams.get("what") ?? "");
    const times = Number(searchParams.get("times") ?? 1_000);
    if (thing === undefined || !Number.isInteger(times) || times < 1) {
      return Response.json(
        { error: `wanted ?what= with one of ${[...things.keys()]}, ?times= from 1` },
        { status: 400 },
      );
    }
    if (file < 0) file = openSync(import.meta.filename, "r");
    const startedAt = process.hrtime.bigint();
    for (let time = 0; time < times; time += 1) thing();
    return Response.json({ nanoseconds: Number(process.hrtime.bigint() - startedAt) / times });
  },
} satisfies ExportedHandler;

let mixed = 1;

function mixNumbers(): void {
  for (let round = 0; round < 1_000; round += 1) mixed = (Math.imul(mixed, 1_664_525) + 1_013_904_223) | 0;
}
