// Payloads to bytes and back, one decoder per message. A decoder never trusts: the bytes come from a process that runs a
// stranger's code, or (in the guest) from a stream that this code may have tampered with.

import { Packr } from "msgpackr/pack";
import { Unpackr } from "msgpackr/unpack";
import { Fields } from "./fields.ts";
import { ProtocolError } from "./frames.ts";
import type { Cancel, Credit, Failure, Init, Invoke, Output, Ready, ResponseHead } from "./messages.ts";
import { handlerShapes, limits } from "./messages.ts";
import { assertPlain } from "./plain.ts";

const packr = new Packr({ useRecords: false, variableMapSize: true });
// Maps become plain objects; the library renames a key `__proto__`, and Fields copies what it wants by name.
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true });

export type ControlMessage = Init | Invoke | Cancel | Credit | Ready | Failure | ResponseHead | Output;

/** The buffer is the caller's own. */
export function encode(message: ControlMessage): Buffer {
  return packr.pack(message);
}

export const decodeInit = (payload: Buffer): Init => {
  const fields = read("init", payload);
  return {
    function: fields.string("function", 63),
    version: fields.integer("version", 1, Number.MAX_SAFE_INTEGER),
    instance: fields.string("instance", 64),
    entry: fields.string("entry", 4_096),
    handler: fields.oneOf("handler", ["auto", ...handlerShapes]),
    env: fields.stringRecord("env"),
    concurrency: fields.integer("concurrency", 1, 1_000_000),
    cpus: fields.number("cpus", 0, 1_000_000),
    memoryBytes: fields.integer("memoryBytes", 0, Number.MAX_SAFE_INTEGER),
  };
};

export const decodeInvoke = (payload: Buffer): Invoke => {
  const fields = read("invoke", payload);
  return {
    requestId: fields.string("requestId", 128),
    method: fields.string("method", 64),
    url: fields.string("url", limits.maxControlBytes),
    headers: pairs(fields.strings("headers", Number.MAX_SAFE_INTEGER)),
    hasBody: fields.boolean("hasBody"),
    remainingMs: fields.number("remainingMs", 0, Number.MAX_SAFE_INTEGER),
  };
};

export const decodeCancel = (payload: Buffer): Cancel => ({
  reason: read("cancel", payload).oneOf("reason", ["client", "deadline", "shutdown"]),
});

export const decodeCredit = (payload: Buffer): Credit => ({
  bytes: read("credit", payload).integer("bytes", 1, limits.windowBytes),
});

export const decodeReady = (payload: Buffer): Ready => {
  const fields = read("ready", payload);
  const unforkable = fields.strings("unforkable", limits.maxReasons);
  const tooLong = unforkable.find(({ length }) => length > limits.maxReasonLength);
  if (tooLong !== undefined) {
    throw new ProtocolError(`a reason has ${tooLong.length} characters; wanted at most ${limits.maxReasonLength}`);
  }
  return {
    handler: fields.oneOf("handler", handlerShapes),
    loadMs: fields.number("loadMs", 0, Number.MAX_SAFE_INTEGER),
    unforkable,
  };
};

export const decodeFailure = (payload: Buffer): Failure => {
  const fields = read("failure", payload);
  return {
    kind: fields.oneOf("kind", ["threw", "badResponse"]),
    name: fields.string("name", limits.maxFailureLength),
    message: fields.string("message", limits.maxFailureLength),
    stack: fields.string("stack", limits.maxFailureLength),
  };
};

export const decodeResponseHead = (payload: Buffer): ResponseHead => {
  const fields = read("response", payload);
  const head: ResponseHead = {
    status: fields.integer("status", 200, 599),
    headers: pairs(fields.strings("headers", 2 * limits.maxHeaders)),
    hasBody: fields.boolean("hasBody"),
  };
  const problem = problemOfHead(head);
  if (problem !== null) throw new ProtocolError(`response: ${problem}`);
  return head;
};

export const decodeOutput = (payload: Buffer): Output => {
  const fields = read("output", payload);
  return {
    stream: fields.oneOf("stream", ["stdout", "stderr"]),
    level: fields.oneOf("level", ["debug", "info", "warn", "error"]),
    text: fields.string("text", limits.maxControlBytes),
  };
};

// RFC 9110, 5.1 and 5.5: a token, and visible characters, spaces, tabs and obs-text.
const headerName = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const headerValue = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Why a head must not go to a client, or null. The guest asks before it sends, tsfnd after it received. */
export function problemOfHead(head: ResponseHead): string | null {
  const { status, headers } = head;
  if (!Number.isInteger(status) || status < 200 || status > 599) return `the status is ${status}; wanted 200 to 599`;
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

function read(message: string, payload: Buffer): Fields {
  assertPlain(payload);
  let value: unknown;
  try {
    value = unpackr.unpack(payload);
  } catch (thrown) {
    throw new ProtocolError(`${message} cannot be unpacked`, { cause: thrown });
  }
  return new Fields(message, value);
}

function pairs(headers: string[]): string[] {
  if (headers.length % 2 !== 0) throw new ProtocolError(`a header list has ${headers.length} items; wanted pairs`);
  return headers;
}
