// Payloads: what is encoded is decoded, and what a stranger could send instead is refused by name, without harm.

import test from "ava";
import fc from "fast-check";
import { Packr } from "msgpackr/pack";
import {
  decodeAdopt,
  decodeCancel,
  decodeCredit,
  decodeFailure,
  decodeInit,
  decodeOutput,
  decodeReady,
  encode,
  type Init,
  ProtocolError,
} from "../../runtime/wire/index.ts";

const init: Init = {
  function: "hello",
  version: 3,
  instance: "hello-3-ab",
  runtime: "node26",
  entry: "index.mjs",
  handler: "auto",
  env: { A: "1", constructor: "c", toString: "t" },
  secrets: {},
  loadTimeoutMs: 10_000,
  concurrency: 1,
  cpus: 0.5,
  memoryBytes: 5_000_000_000,
};
test("every message survives the way there", (t) => {
  t.deepEqual(decodeInit(encode(init)), init);
  t.deepEqual(decodeCancel(encode({ reason: "client" })), { reason: "client" });
  t.deepEqual(decodeCredit(encode({ bytes: 5 })), { bytes: 5 });
  t.deepEqual(decodeReady(encode({ handler: "fetch", loadMs: 1.5, unforkable: [] })), {
    handler: "fetch",
    loadMs: 1.5,
    unforkable: [],
  });
  const failure = { kind: "threw", name: "Error", message: "m", stack: "s\n at" } as const;
  t.deepEqual(decodeFailure(encode(failure)), failure);
  const output = { stream: "stderr", level: "warn", text: "x\u0000y" } as const;
  t.deepEqual(decodeOutput(encode(output)), output);
});

test("an id that is longer than any is refused", (t) => {
  t.is(decodeAdopt(Buffer.from("hello-3-ab")), "hello-3-ab");
  t.throws(() => decodeAdopt(Buffer.alloc(65, "a")), { instanceOf: ProtocolError, message: /id of 65 characters/ });
});

test("buffers of encode() are the caller's own", (t) => {
  const first = encode({ bytes: 1 });
  const copy = Buffer.from(first);
  for (let count = 0; count < 2_000; count += 1) encode(init);
  t.deepEqual(first, copy);
});

test("fields that are missing, of a wrong type or out of bounds are refused by name", (t) => {
  const wrong: [object, RegExp][] = [
    [{ loadMs: 1, unforkable: [] }, /ready\.handler is undefined; wanted fetch/],
    [{ handler: "fetch", loadMs: "1", unforkable: [] }, /ready\.loadMs is a string/],
    [{ handler: "fetch", loadMs: Number.NaN, unforkable: [] }, /ready\.loadMs is NaN/],
    [{ handler: "fetch", loadMs: 1, unforkable: {} }, /ready\.unforkable is an object/],
    [{ handler: "fetch", loadMs: 1, unforkable: ["a", 1] }, /ready\.unforkable is a list of 2/],
    [{ handler: "fetch", loadMs: 1, unforkable: ["x".repeat(257)] }, /a reason has 257 characters/],
  ];
  for (const [message, expected] of wrong) {
    t.throws(() => decodeReady(packed(message)), { instanceOf: ProtocolError, message: expected });
  }
  t.throws(() => decodeCredit(packed({ bytes: 0 })), { instanceOf: ProtocolError });
  t.throws(() => decodeCredit(packed({ bytes: 1e9 })), { instanceOf: ProtocolError });
  t.throws(() => decodeCredit(packed({ bytes: -1 })), { instanceOf: ProtocolError });
  t.throws(() => decodeCredit(packed({ bytes: 2n ** 63n })), { instanceOf: ProtocolError });
  t.throws(() => decodeOutput(packed({ stream: "stdin", level: "info", text: "" })), { instanceOf: ProtocolError });
});

test("a key named __proto__ changes no object's prototype", (t) => {
  // {"__proto__": {"bytes": 5}}, and an env that holds such a key.
  const payload = Buffer.concat([Buffer.from([0x81, 0xa9]), Buffer.from("__proto__"), encode({ bytes: 5 })]);
  t.throws(() => decodeCredit(payload), { instanceOf: ProtocolError, message: /bytes is undefined/ });
  t.is(Reflect.get({}, "bytes"), undefined);

  const env = JSON.parse('{"__proto__": "x", "A": "1"}');
  const decoded = decodeInit(packed({ ...init, env }));
  t.is(Object.getPrototypeOf(decoded.env), Object.prototype);
  t.is(decoded.env.A, "1");
});

const hostile: Readonly<Record<string, number[]>> = {
  nothing: [],
  "a list with a count of four billion": [0xdd, 0xff, 0xff, 0xff, 0xff],
  "a map with a count of four billion": [0xdf, 0xff, 0xff, 0xff, 0xff],
  "a string longer than the payload": [0xdb, 0x7f, 0xff, 0xff, 0xff, 0x61],
  "bytes that end in their count": [0xc6, 0x00],
  "a date": [0xd6, 0xff, 0, 0, 0, 0],
  "a record definition": [0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 0x01],
  "a regular expression": [0xc7, 0x05, 0x78, 0x92, 0xa1, 0x2e, 0xa1, 0x67],
  "the token that is never used": [0xc1],
  "two values": [0xc0, 0xc0],
  "a nest of lists": [...Array.from({ length: 10_000 }, () => 0x91), 0xc0],
};

for (const [what, bytes] of Object.entries(hostile)) {
  test(`${what} is refused before it is unpacked`, (t) => {
    t.throws(() => decodeOutput(Buffer.from(bytes)), { instanceOf: ProtocolError });
  });
}

test("any bytes are either a message or a ProtocolError", (t) => {
  const decoders = [decodeInit, decodeCancel, decodeCredit, decodeReady, decodeFailure, decodeOutput];
  const messages = [encode(init), encode({ reason: "client" })];
  const mutated = fc
    .tuple(fc.constantFrom(...messages), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }))
    .map(([message, changes]) => {
      const bytes = Buffer.from(message);
      for (const [at, value] of changes) bytes[at % bytes.length] = value;
      return bytes;
    });
  const random = fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes));
  const property = fc.property(fc.oneof(random, mutated), fc.constantFrom(...decoders), (bytes, decode) => {
    try {
      decode(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  });
  t.notThrows(() => fc.assert(property, { numRuns: 5_000 }));
});

/** As encode(), for what no type allows. */
function packed(message: object): Buffer {
  return new Packr({ useRecords: false, variableMapSize: true }).pack(message);
}
