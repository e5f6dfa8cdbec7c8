// The last 4 KiB of what one invocation logged, as Lambda returns it for `X-Amz-Log-Type: Tail`.

import type { LogRecord, Runtime } from "../../runtime/index.ts";
import { now } from "../../runtime/trace.ts";
import { type Exchange, reasonOf } from "../exchanges.ts";

/** https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#lambda-Invoke-response-LogResult */
const tailBytes = 4_096;

/** More lines than fit are cut off anyway. */
const tailRecords = 4_096;

/** Lines travel beside the answer and may come a moment later; an invocation that never reports is not waited for longer. */
const patienceMs = 500;

/** What the wall clock, which records have, may have been set back by since the call came. */
const clockSlackMs = 1_000;

/** Base64. @throws TsfnError the reason that the exchange was aborted with */
export async function logTail(
  runtime: Pick<Runtime, "logs">,
  name: string,
  { requestId, acceptedAtMs, signal }: Pick<Exchange, "requestId" | "acceptedAtMs" | "signal">,
): Promise<string> {
  const sinceMs = Date.now() - (now() - acceptedAtMs) - clockSlackMs;
  const options = { tail: tailRecords, follow: true, filter: { requestId, sinceMs } };
  const patience = AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]);
  let text = `START RequestId: ${requestId}\n`;
  for await (const record of runtime.logs(name, { ...options, signal: patience })) {
    // No character is less than a byte.
    text = `${text}${lineOf(record, requestId)}\n`.slice(-tailBytes);
    if (isReport(record)) break;
  }
  if (signal.aborted) throw reasonOf(signal);
  return Buffer.from(text).subarray(-tailBytes).toString("base64");
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
