// The messages of InvokeWithResponseStream, in the binary framing application/vnd.amazon.eventstream.
// https://docs.aws.amazon.com/lambda/latest/api/API_InvokeWithResponseStream.html

import { EventStreamCodec } from "@smithy/core/event-streams";

export const eventStreamType = "application/vnd.amazon.eventstream";

export interface InvokeComplete {
  readonly ErrorCode?: string;
  readonly ErrorDetails?: string;
  /** Base64. */
  readonly LogResult?: string;
}

/** Longer parts are split: decoders refuse a message of over 16 MiB, and hold a whole one in memory. */
const maxPartBytes = 64 * 2 ** 10;

const codec = new EventStreamCodec(
  (bytes) => (typeof bytes === "string" ? bytes : Buffer.from(bytes).toString()),
  (text) => Buffer.from(text),
);

export function* payloadChunks(part: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < part.length; at += maxPartBytes) {
    yield event("PayloadChunk", "application/octet-stream", part.subarray(at, at + maxPartBytes));
  }
}

export function invokeComplete(document: InvokeComplete): Uint8Array {
  return event("InvokeComplete", "application/json", Buffer.from(JSON.stringify(document)));
}

function event(type: string, contentType: string, body: Uint8Array): Uint8Array {
  const text = (value: string) => ({ type: "string" as const, value });
  const headers = {
    ":message-type": text("event"),
    ":event-type": text(type),
    ":content-type": text(contentType),
  };
  return codec.encode({ headers, body });
}
