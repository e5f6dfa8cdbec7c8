// Credit never lets more than a window out and never stops a body that is read; text becomes the same lines however it
// was cut.

import test from "ava";
import fc from "fast-check";
import { LineSplitter, limits, ProtocolError, ReceiveWindow, SendWindow } from "../../runtime/wire/index.ts";

test("a body of any size gets through a pair of windows that is read to the end", (t) => {
  const property = fc.property(
    fc.integer({ min: 1, max: 3_000_000 }),
    fc.integer({ min: 1_000, max: 65_536 }),
    (total, most) => {
      const sender = new SendWindow();
      const receiver = new ReceiveWindow();
      let sent = 0;
      const unread: number[] = [];
      while (sent < total) {
        const bytes = Math.min(total - sent, most, sender.availableBytes);
        if (bytes > 0) {
          sender.spend(bytes);
          receiver.receive(bytes);
          unread.push(bytes);
          sent += bytes;
          continue;
        }
        const used = unread.shift();
        if (used === undefined) throw new Error("everything is read and nothing may be sent");
        const credit = receiver.use(used);
        if (credit > 0) sender.grant(credit);
      }
    },
  );
  t.notThrows(() => fc.assert(property, { numRuns: 100 }));
});

test("a sender past its window and a receiver that grants what was never sent break the protocol", (t) => {
  const receiver = new ReceiveWindow();
  receiver.receive(limits.windowBytes);
  t.throws(() => receiver.receive(1), { instanceOf: ProtocolError });
  const sender = new SendWindow();
  t.throws(() => sender.grant(1), { instanceOf: ProtocolError });
  sender.spend(10);
  t.notThrows(() => sender.grant(10));
});

test("lines are the same however their bytes are cut", (t) => {
  const text = fc.array(fc.constantFrom("a", "é", "\n", "\r\n", "😀", " ", "\u0000"), { maxLength: 60 });
  const property = fc.property(text, fc.integer({ min: 1, max: 7 }), (pieces, size) => {
    const bytes = Buffer.from(pieces.join(""));
    const whole = linesOf([bytes]);
    const cut: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += size) cut.push(bytes.subarray(at, at + size));
    t.deepEqual(linesOf(cut), whole);
  });
  t.notThrows(() => fc.assert(property, { numRuns: 500 }));
});

test("empty lines are lines, a last line needs no end, and a carriage return before the end is not part of it", (t) => {
  t.deepEqual(linesOf([Buffer.from("a\n\nb\r\nc")]), ["a", "", "b", "c"]);
  t.deepEqual(linesOf([Buffer.from("a\n")]), ["a"]);
  t.deepEqual(linesOf([]), []);
});

test("a line without an end is cut and does not grow without bound", (t) => {
  const lines = linesOf(Array.from({ length: 100 }, () => Buffer.alloc(10_000, "x")));
  t.is(lines.join("").length, 1_000_000);
  t.true(lines.every((line) => line.length <= 65_536));
});

function linesOf(pieces: readonly Buffer[]): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (const piece of pieces) splitter.push(piece);
  splitter.end();
  return lines;
}

test("after a cut the rest of the cut line is left out, and the next one is whole", (t) => {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  splitter.push("whole\nbeg");
  splitter.cut();
  splitter.push("the rest of some line");
  splitter.push(" and its end\nnext\nla");
  splitter.cut();
  splitter.cut();
  splitter.push("\n");
  splitter.push("last");
  splitter.end();
  t.deepEqual(lines, ["whole", "beg", "next", "la", "last"]);
});
