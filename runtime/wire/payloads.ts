// Payloads in msgpack to bytes and back, one decoder per message. A decoder never trusts: the bytes come from a process that
// runs a stranger's code, or (in the guest) from a stream that this code may have tampered with. What every invocation has,
// its heads, is heads.ts.

import { Packr } from "msgpackr/pack";
import { Unpackr } from "msgpackr/unpack";
import { Fields } from "./fields.ts";
import { ProtocolError } from "./frames.ts";
import type { Cancel, Credit, Failure, Init, Output, Ready } from "./messages.ts";
import { handlerShapes, limits, runtimes } from "./messages.ts";
import { assertPlain } from "./plain.ts";

const packr = new Packr({ useRecords: false, variableMapSize: true });
// Maps become plain objects; the library renames a key `__proto__`, and Fields copies what it wants by name.
const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true });

const maxIdLength = 64;

export type ControlMessage = Init | Cancel | Credit | Ready | Failure | Output;

/** The buffer is the caller's own. */
export function encode(message: ControlMessage): Buffer {
  return packr.pack(message);
}

export const decodeInit = (payload: Buffer): Init => {
  const fields = read("init", payload);
  return {
    function: fields.string("function", 63),
    version: fields.integer("version", 1, Number.MAX_SAFE_INTEGER),
    instance: fields.string("instance", maxIdLength),
    runtime: fields.oneOf("runtime", runtimes),
    entry: fields.string("entry", 4_096),
    handler: fields.oneOf("handler", ["auto", ...handlerShapes]),
    env: fields.stringRecord("env"),
    secrets: fields.stringRecord("secrets"),
    loadTimeoutMs: fields.number("loadTimeoutMs", 1, Number.MAX_SAFE_INTEGER),
    concurrency: fields.integer("concurrency", 1, 1_000_000),
    cpus: fields.number("cpus", 0, 1_000_000),
    memoryBytes: fields.integer("memoryBytes", 0, Number.MAX_SAFE_INTEGER),
  };
};

export function decodeAdopt(payload: Buffer): string {
  const id = payload.toString("latin1");
  if (id.length > maxIdLength) {
    throw new ProtocolError(`adopt has an id of ${id.length} characters; wanted at most ${maxIdLength}`);
  }
  return id;
}

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

export const decodeOutput = (payload: Buffer): Output => {
  const fields = read("output", payload);
  return {
    stream: fields.oneOf("stream", ["stdout", "stderr"]),
    level: fields.oneOf("level", ["debug", "info", "warn", "error"]),
    text: fields.string("text", limits.maxControlBytes),
  };
};

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
