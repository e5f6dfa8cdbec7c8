// Heads of requests and responses: what is encoded is decoded, and what a stranger could send instead is refused.

import test from "ava";
import fc from "fast-check";
import {
  decodeAnswer,
  decodeInvoke,
  decodeResponseHead,
  encodeInvoke,
  encodeResponseHead,
  type Invoke,
  limits,
  ProtocolError,
} from "../../runtime/wire/index.ts";

const text = fc.string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)) });
const pairs = fc.array(fc.tuple(text, text), { maxLength: 8 }).map((list) => list.flat());

test("an answer's body stays what it was when its payload's memory takes something else", (t) => {
  const head = encodeResponseHead({ status: 200, headers: [], hasBody: true });
  const payload = Buffer.concat([Buffer.from(Uint32Array.of(head.length).buffer), Buffer.from(`${head}pong`)]);
  const { body } = decodeAnswer(payload);
  payload.fill(0);
  t.is(body.toString(), "pong");
});

test("any invocation's head survives the way there", (t) => {
  const anyInvoke: fc.Arbitrary<Invoke> = fc.record({
    requestId: text,
    method: text,
    url: text,
    headers: pairs,
    hasBody: fc.boolean(),
    remainingMs: fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }).map(Math.abs),
  });
  const property = fc.property(anyInvoke, (invoke) => {
    t.deepEqual(decodeInvoke(latin1(encodeInvoke(invoke))), invoke);
  });
  t.notThrows(() => fc.assert(property));
});

test("any response's head survives the way there, alone and with its body", (t) => {
  const name = fc.stringMatching(/^[a-z0-9-]{1,12}$/);
  const value = fc.stringMatching(/^[\x20-\x7e]{0,20}$/);
  const head = fc.record({
    status: fc.integer({ min: 200, max: 599 }),
    headers: fc.array(fc.tuple(name, value), { maxLength: 8 }).map((list) => list.flat()),
    hasBody: fc.boolean(),
  });
  const property = fc.property(head, fc.uint8Array({ maxLength: 200 }), (head, bytes) => {
    const encoded = latin1(encodeResponseHead(head));
    t.deepEqual(decodeResponseHead(encoded), head);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(encoded.length);
    t.deepEqual(decodeAnswer(Buffer.concat([length, encoded, bytes])), { head, body: Buffer.from(bytes) });
  });
  t.notThrows(() => fc.assert(property));
});

const wrong: Readonly<Record<string, readonly [string, RegExp]>> = {
  nothing: ["", /response has 1 lines/],
  "no status": ["\n0", /the status is ""/],
  "a status that is no number": ["2x0\n0", /the status is "2x0"/],
  "a status beyond HTTP": ["600\n0", /the status is 600; wanted 200 to 599/],
  "a status of an interim answer": ["101\n0", /the status is 101/],
  "a body that may be": ["200\n2", /wanted 0 or 1/],
  "a name without a value": ["200\n0\na", /response has 3 lines/],
  "a name in capitals": ["200\n0\nA\nb", /"A" is not a lower-case header name/],
  "a name with a space": ["200\n0\na b\nb", /is not a lower-case header name/],
  "an empty name": ["200\n0\n\nb", /is not a lower-case header name/],
  "a NUL in a value": ["200\n0\na\n\0", /the header a holds a character/],
  "a carriage return in a value": ["200\n0\na\nb\r", /the header a holds a character/],
  "headers that are too long": [`200\n0\na\n${"x".repeat(limits.maxHeaderBytes)}`, /the headers have 65537 bytes/],
  "too many headers": [`200\n0${"\na\n".repeat(limits.maxHeaders + 1)}`, /there are 1025 headers/],
};

for (const [what, [head, expected]] of Object.entries(wrong)) {
  test(`a response's head with ${what} is refused by name`, (t) => {
    t.throws(() => decodeResponseHead(latin1(head)), { instanceOf: ProtocolError, message: expected });
  });
}

test("any bytes are either a head or a ProtocolError", (t) => {
  const decoders = [decodeInvoke, decodeResponseHead, decodeAnswer];
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
    fc.stringMatching(/^[0-9a-z\n\r]{0,40}$/).map(latin1),
  );
  const property = fc.property(bytes, fc.constantFrom(...decoders), (bytes, decode) => {
    try {
      decode(bytes);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  });
  t.notThrows(() => fc.assert(property, { numRuns: 5_000 }));
});

function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}
