// The moment that a `since` names: so long before now, or a date. The command line refuses what is none before it asks, the
// admin API takes it by the server's own clock, which the records have.

import { parseDuration } from "../runtime/config.ts";

export const wantedMoment = "a duration such as 10m, or a date such as 2026-01-31T12:00:00Z";

/**
 * @param text a duration of runtime/config.ts, or a date of RFC 3339
 * @param nowMs since the epoch, as the result is
 * @returns null when it is neither
 */
export function parseMoment(text: string, nowMs: number): number | null {
  const date = /^\d{4}-/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(date)) return date;
  try {
    return nowMs - parseDuration(text);
  } catch {
    // Its own sentence knows durations only.
    return null;
  }
}
