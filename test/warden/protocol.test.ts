// The bytes of the protocol without a warden: what is written is read back, however the stream is cut.

import test from "ava";
import fc from "fast-check";
import { MessageDecoder, proto, Reader, Writer } from "../../runtime/warden/protocol.ts";

const body = (writer: Writer) => new Reader(writer.finish(1, 1).subarray(12));

test("strings, lists and numbers are read back as they were written", (t) => {
  fc.assert(
    fc.property(fc.string(), fc.array(fc.string(), { maxLength: 50 }), fc.maxSafeNat(), (text, list, number) => {
      const reader = body(new Writer().string(text).list(list).u64(number));
      t.is(reader.string(), text.toWellFormed());
      t.deepEqual(
        reader.list(() => reader.string()),
        list.map((item) => item.toWellFormed()),
      );
      t.is(reader.u64(), number);
    }),
  );
});

test("messages come out whole and in order, wherever the stream is cut", (t) => {
  const stream = Buffer.concat(
    Array.from({ length: 20 }, (_, index) => new Writer().string("x".repeat(index * 7)).finish(proto.KILL, index + 1)),
  );
  fc.assert(
    fc.property(fc.array(fc.nat({ max: stream.length }), { maxLength: 40 }), (cuts) => {
      const decoder = new MessageDecoder();
      const edges = [0, ...cuts.sort((a, b) => a - b), stream.length];
      const messages = edges.slice(1).flatMap((edge, index) => decoder.push(stream.subarray(edges[index], edge)));
      t.deepEqual(
        messages.map(({ verb, request }) => [verb, request]),
        Array.from({ length: 20 }, (_, index) => [proto.KILL, index + 1]),
      );
    }),
  );
});

test("a body that ends too soon is an error, not a zero", (t) => {
  t.throws(() => body(new Writer().string("abc")).u64(), { instanceOf: RangeError });
  t.throws(() => new Reader(Buffer.from([9, 0, 65])).string(), { instanceOf: RangeError });
});

test("a request that the warden would refuse for its length is refused here", (t) => {
  const long = new Writer().list(Array.from({ length: 3 }, () => "x".repeat(30_000)));
  t.throws(() => long.finish(proto.INSTANCE_START, 1), { instanceOf: RangeError, message: /at most 65536 fit/ });
});
