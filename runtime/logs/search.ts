// What readers look for in a log that comes newest first: the last records that are wanted, what followed a number, and the
// newest number. Each stops at the first block that is old enough, and keeps text, which is a small part of what is parsed.

import type { LogMatcher } from "./log-filter.ts";
import { recordOf, type StoredLine } from "./stored-line.ts";

/** Lines of a log, some at a time, newest first. */
export type NewestFirst = AsyncIterable<readonly StoredLine[]>;

/** The last `count` records that are wanted, oldest first. */
export async function lastOf(log: NewestFirst, count: number, matcher: LogMatcher): Promise<StoredLine[]> {
  const found: StoredLine[] = [];
  if (count === 0) return found;
  for await (const lines of log) {
    for (const line of lines) {
      if (matcher.isPast(line)) return found.reverse();
      if (!matcher.mayWant(line)) continue;
      const record = recordOf(line);
      if (record === null || !matcher.wants(record)) continue;
      if (found.push(line) === count) return found.reverse();
    }
  }
  return found.reverse();
}

/** The lines that follow the one numbered `seq`, oldest first: as many as `firstOf` takes. */
export async function linesAfter(log: NewestFirst, seq: number, maxBytes: number): Promise<readonly StoredLine[]> {
  let found: readonly StoredLine[] = [];
  for await (const lines of log) {
    const known = lines.findIndex((line) => line.seq <= seq);
    const newer = known === -1 ? lines : lines.slice(0, known);
    // Those that are too much are the newer ones, which are for a later time.
    found = firstOf([...newer.toReversed(), ...found], maxBytes);
    if (known !== -1) return found;
  }
  return found;
}

/** The first ones with `maxBytes` together, in UTF-16 code units; one at least. */
export function firstOf(lines: readonly StoredLine[], maxBytes: number): readonly StoredLine[] {
  let bytes = 0;
  const end = lines.findIndex(({ text }, index) => {
    bytes += text.length;
    return bytes > maxBytes && index > 0;
  });
  return end === -1 ? lines : lines.slice(0, end);
}

/** The number of the newest record; 0 when there is none. */
export async function newestSeq(log: NewestFirst): Promise<number> {
  for await (const lines of log) {
    const newest = lines.find((line) => recordOf(line) !== null);
    if (newest !== undefined) return newest.seq;
  }
  return 0;
}
