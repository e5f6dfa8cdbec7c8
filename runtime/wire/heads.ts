// The heads of requests and responses as payloads: lines of Latin-1, because every invocation has two of them and nothing is
// cheaper to write and to read. No line can hold a line feed: HTTP allows none in what they carry. A decoder never trusts.

import { Buffer } from "node:buffer";
import { ProtocolError } from "./frames.ts";
import { type Invoke, limits, type ResponseHead } from "./messages.ts";

/** `url` and `headers` are what an HTTP parser gave: Latin-1 without control characters. */
export function encodeInvoke({ requestId, method, url, headers, hasBody, remainingMs }: Invoke): string {
  const text = `${remainingMs}\n${hasBody ? 1 : 0}\n${requestId}\n${method}\n${url}`;
  return headers.length === 0 ? text : `${text}\n${headers.join("\n")}`;
}

export function decodeInvoke(payload: Buffer): Invoke {
  const lines = payload.toString("latin1").split("\n");
  const [remaining = "", hasBody = "", requestId = "", method = "", url = ""] = lines;
  const remainingMs = Number(remaining);
  if (lines.length < 5 || lines.length % 2 === 0 || !(remainingMs >= 0)) {
    throw new ProtocolError(`invoke has ${lines.length} lines, the first "${remaining.slice(0, 32)}"`);
  }
  return { requestId, method, url, headers: lines.slice(5), hasBody: hasBody === "1", remainingMs };
}

/** The head has no problem. */
export function encodeResponseHead({ status, headers, hasBody }: ResponseHead): string {
  const text = `${status}\n${hasBody ? 1 : 0}`;
  return headers.length === 0 ? text : `${text}\n${headers.join("\n")}`;
}

/** @throws ProtocolError for a head that must not go to a client */
export function decodeResponseHead(payload: Buffer): ResponseHead {
  return parseResponseHead(payload.toString("latin1"));
}

/** A head with all of its body, which is a copy. @throws ProtocolError */
export function decodeAnswer(payload: Buffer): { readonly head: ResponseHead; readonly body: Buffer } {
  const textEnd = payload.length < 4 ? Number.NaN : 4 + payload.readUInt32LE(0);
  if (!(textEnd <= payload.length)) {
    throw new ProtocolError(`an answer of ${payload.length} bytes has a head up to byte ${textEnd}`);
  }
  const bodyBytes = payload.length - textEnd;
  if (bodyBytes > limits.maxChunkBytes) {
    throw new ProtocolError(`an answer has ${bodyBytes} bytes of body; wanted at most ${limits.maxChunkBytes}`);
  }
  return {
    head: parseResponseHead(payload.toString("latin1", 4, textEnd)),
    body: Buffer.from(payload.subarray(textEnd)),
  };
}

export function encodeSettled(tookUs: number): Buffer {
  const payload = Buffer.allocUnsafe(4);
  payload.writeUInt32LE(Math.min(0xffffffff, Math.max(0, Math.round(tookUs))));
  return payload;
}

/** Microseconds. @throws ProtocolError */
export function decodeSettled(payload: Buffer): number {
  if (payload.length === 4) return payload.readUInt32LE(0);
  throw new ProtocolError(`settled has ${payload.length} bytes; wanted 4`);
}

// RFC 9110, 5.1 and 5.5: a token, and visible characters, spaces, tabs and obs-text.
const headerName = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Why a head must not go to a client, or null. The guest asks before it sends, tsfnd after it received. */
export function problemOfHead(head: ResponseHead): string | null {
  const { status, headers } = head;
  // 101 answers a request for an upgrade alone; the body is then the bytes of the other protocol.
  const isUpgrade = status === 101 && head.hasBody && headers.includes("upgrade");
  if (!isUpgrade && (!Number.isInteger(status) || status < 200 || status > 599)) {
    return `the status is ${status}; wanted 200 to 599`;
  }
  if (headers.length > 2 * limits.maxHeaders) {
    return `there are ${headers.length / 2} headers; wanted at most ${limits.maxHeaders}`;
  }
  let bytes = 0;
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? "";
    const value = headers[at + 1] ?? "";
    bytes += name.length + value.length;
    if (!headerName.test(name)) return `${JSON.stringify(name.slice(0, 64))} is not a lower-case header name`;
    if (!headerValue.test(value)) return `the header ${name} holds a character that HTTP does not allow`;
  }
  if (bytes > limits.maxHeaderBytes) return `the headers have ${bytes} bytes; wanted at most ${limits.maxHeaderBytes}`;
  return null;
}

function parseResponseHead(text: string): ResponseHead {
  const lines = text.split("\n");
  if (lines.length % 2 !== 0) throw new ProtocolError(`response has ${lines.length} lines; wanted pairs`);
  const [status = "", hasBody] = lines;
  if (!/^\d{3}$/.test(status)) throw new ProtocolError(`response: the status is "${status.slice(0, 32)}"`);
  if (hasBody !== "0" && hasBody !== "1") throw new ProtocolError("response: wanted 0 or 1 for its body");
  const head = { status: Number(status), headers: lines.slice(2), hasBody: hasBody === "1" };
  const problem = problemOfHead(head);
  if (problem !== null) throw new ProtocolError(`response: ${problem}`);
  return head;
}
