// The last 4 KiB of what one invocation logged, as Lambda returns it for `X-Amz-Log-Type: Tail`.

import { setTimeout as pause } from "node:timers/promises";
import type { LogRecord, Runtime } from "../../runtime/index.ts";

/** https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#lambda-Invoke-response-LogResult */
const tailBytes = 4_096;

/** More lines than fit are cut off anyway. */
const tailRecords = 4_096;

/** Lines travel beside the answer and may come a moment later; an invocation that never reports is not waited for longer. */
const patienceMs = 500;

/** Base64. */
export async function logTail(runtime: Runtime, name: string, requestId: string, signal: AbortSignal): Promise<string> {
  const deadlineMs = performance.now() + patienceMs;
  let records = await recordsOf(runtime, name, requestId, signal);
  while (!records.some(isReport) && performance.now() < deadlineMs) {
    await pause(10, undefined, { signal });
    records = await recordsOf(runtime, name, requestId, signal);
  }
  const lines = records.map((record) => lineOf(record, requestId));
  const text = [`START RequestId: ${requestId}`, ...lines].join("\n");
  return Buffer.from(`${text}\n`).subarray(-tailBytes).toString("base64");
}

async function recordsOf(runtime: Runtime, name: string, requestId: string, signal: AbortSignal): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for await (const record of runtime.logs(name, { tail: tailRecords, follow: false, signal })) {
    if (record.requestId === requestId) records.push(record);
  }
  return records;
}

function isReport({ stream, msg }: LogRecord): boolean {
  return stream === "platform" && msg === "platform.invokeReport";
}

function lineOf(record: LogRecord, requestId: string): string {
  if (!isReport(record)) return record.msg;
  const { durationMs, maxMemoryMb } = record.data ?? {};
  const memory = maxMemoryMb === undefined ? "" : `\tMax Memory Used: ${maxMemoryMb} MB`;
  return `END RequestId: ${requestId}\nREPORT RequestId: ${requestId}\tDuration: ${durationMs} ms${memory}`;
}
