// The terminal of `tsfn dev`: what the functions log, and a line for each invocation that ended. Other records of the
// platform stay in `tsfn logs`, unless something failed.

import { createInterface } from "node:readline";
import { isErrno } from "../../../runtime/errors.ts";
import type { LogRecord } from "../../../runtime/logs/index.ts";
import type { Client } from "../client.ts";
import { functionPath } from "../context.ts";
import { formatLiveRecord, parseRecord } from "../log-line.ts";
import type { Output } from "../output.ts";
import { reportError } from "../report-error.ts";

export interface Follower {
  /** Shows a function's logs from its first record on. Once per name. */
  follow(name: string): void;
}

/** @param signal ends it */
export function openFollower(client: Client, output: Output, signal: AbortSignal): Follower {
  const followed = new Set<string>();
  const show = async (name: string): Promise<void> => {
    const path = functionPath(name, "/logs?tail=1000&follow=true");
    const response = await client.stream({ method: "GET", path, signal });
    for await (const line of createInterface({ input: response })) {
      if (line === "") continue;
      const record = parseRecord(line);
      if (!isShown(record)) continue;
      output.document({ event: "log", record });
      output.note(formatLiveRecord(record, process.stderr));
    }
  };
  return {
    follow(name) {
      if (followed.has(name)) return;
      followed.add(name);
      show(name).catch((thrown: unknown) => {
        // A server that ends is told of by the one who waits for it; without their logs functions go on answering.
        if (!signal.aborted && !isErrno(thrown, "ECONNRESET")) reportError(thrown, { json: output.json });
      });
    },
  };
}

/** A deployment that failed to load has been told already, with its stack. */
function isShown({ stream, level, msg, data }: LogRecord): boolean {
  if (stream !== "platform" || msg === "platform.invokeReport") return true;
  return level === "error" && data?.outcome !== "LOAD_FAILED";
}
