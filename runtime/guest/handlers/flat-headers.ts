// Headers as they come over the wire: names and values alternating, names in lower case.

import type { IncomingCall } from "./handler.ts";

type Headers = IncomingCall["headers"];

/** The first of that name. */
export function headerOf(headers: Headers, wanted: string): string | undefined {
  for (let at = 0; at + 1 < headers.length; at += 2) if (headers[at] === wanted) return headers[at + 1];
  return undefined;
}

export function* pairsOf(headers: Headers): Generator<readonly [string, string]> {
  for (let at = 0; at + 1 < headers.length; at += 2) yield [headers[at] ?? "", headers[at + 1] ?? ""];
}
