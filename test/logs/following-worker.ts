// Follows a log of dense lines, each of them twenty times as large when it is parsed, in a thread whose memory is bounded
// by its parent, and tells what came.

import { parentPort, workerData } from "node:worker_threads";
import { defaultLogLimits, type LogLine, openLogStore } from "../../runtime/logs/index.ts";

const lines = 400;
const { dir, pace } = workerData as { readonly dir: string; readonly pace: "quick" | "slow" };
const msg = `{"a":[${"{},".repeat(21_000)}{}]}`;
const line: LogLine = {
  ...{ function: "dense", version: 1, instance: "dense-1-aa" },
  ...{ stream: "stdout", level: "info", msg },
};

// Nothing is to be dropped or rotated away.
const unlimited = { linesPerSecond: 1e6, bytesPerSecond: 1e9, maxBytesPerFunction: 1e9 };
const store = openLogStore(dir, { ...defaultLogLimits, ...unlimited }, (error) => {
  throw error;
});
const stop = new AbortController();
const records = store.follow("dense", { tail: 1, signal: stop.signal })[Symbol.asyncIterator]();
const seen = { first: 0, last: 0, gaps: 0 };

/** A slow one has asked for a single record and waits with it until all are stored. */
async function follow(count: number): Promise<void> {
  for (let taken = 0; taken < count; taken += 1) {
    const { value } = await records.next();
    if (seen.first === 0) seen.first = value.seq;
    else if (value.seq !== seen.last + 1) seen.gaps += 1;
    seen.last = value.seq;
  }
}

const beginning = follow(pace === "slow" ? 1 : lines);
for (let appended = 0; appended < lines; appended += 1) {
  store.append(line);
  await store.flush();
}
await beginning;
await follow(lines - seen.last);
stop.abort();
parentPort?.postMessage({ appended: lines, ...seen });
