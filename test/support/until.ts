// Waiting for a fact instead of for a time: polls until it holds, and says what did not come true if it never does.

import { setTimeout as pause } from "node:timers/promises";

/** Resolves with the first value of `probe` that is neither false, null nor undefined. */
export async function until<Value>(
  fact: string,
  probe: () => Value | Promise<Value>,
  patienceMs = 30_000,
): Promise<NonNullable<Exclude<Value, false>>> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const value = await probe();
    if (value !== false && value !== null && value !== undefined) return value as NonNullable<Exclude<Value, false>>;
    if (performance.now() > deadline) throw new Error(`waited ${patienceMs} ms in vain until ${fact}`);
    await pause(20);
  }
}
