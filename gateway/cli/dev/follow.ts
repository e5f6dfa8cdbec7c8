// The terminal of `tsfn dev`: what the functions log, and a line for each invocation that ended. Other records of the
// platform stay in `tsfn logs`, unless something failed.

import { createInterface } from "node:readline";
import type { LogRecord } from "../../../runtime/logs/index.ts";
import type { Client } from "../client.ts";
import { functionPath } from "../context.ts";
import { formatLiveRecord, parseRecord } from "../log-line.ts";
import type { Output } from "../output.ts";
import type { Reloader } from "./reload.ts";

/** Resolves when the signal aborts, or the server ends. */
export async function followLogs(
  client: Client,
  reloader: Reloader,
  output: Output,
  signal: AbortSignal,
): Promise<void> {
  const path = functionPath(reloader.name, "/logs?tail=1000&follow=true");
  try {
    const response = await client.stream({ method: "GET", path, signal });
    for await (const line of createInterface({ input: response })) {
      if (line === "") continue;
      const record = parseRecord(line);
      if (!isShown(record)) continue;
      output.document({ event: "log", record });
      output.note(formatLiveRecord(record, process.stderr));
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  }
}

function isShown({ stream, level, msg }: LogRecord): boolean {
  return stream !== "platform" || level === "error" || msg === "platform.invokeReport";
}
