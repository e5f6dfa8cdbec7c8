// Frames survive any cutting of the stream, and a length is refused before anything is allocated for it.

import { PassThrough, Writable } from "node:stream";
import test from "ava";
import fc from "fast-check";
import {
  type Frame,
  FrameDecoder,
  FrameWriter,
  limits,
  ProtocolError,
  toDaemon,
  toGuest,
} from "../../runtime/wire/index.ts";

const anyFrame = fc.record({
  kind: fc.constantFrom(toGuest.invoke, toGuest.body, toDaemon.response, toDaemon.body, toDaemon.output),
  invocation: fc.nat(0xffffffff),
  payload: fc.uint8Array({ maxLength: 6_000 }).map((bytes) => Buffer.from(bytes)),
});

test("what the writer sends the decoder reads, cut at every single point", (t) => {
  const frames: Frame[] = [
    { kind: toGuest.invoke, invocation: 1, payload: Buffer.from("hello") },
    { kind: toGuest.bodyEnd, invocation: 0xffffffff, payload: Buffer.alloc(0) },
    { kind: toDaemon.body, invocation: 7, payload: Buffer.from([0]) },
  ];
  const bytes = written(frames);
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    t.deepEqual(read([bytes.subarray(0, cut), bytes.subarray(cut)]), frames, `cut at ${cut}`);
  }
  t.deepEqual(read([...bytes].map((byte) => Buffer.from([byte]))), frames, "byte by byte");
});

test("any frames come through any cutting", (t) => {
  const property = fc.property(
    fc.array(anyFrame, { maxLength: 12 }),
    fc.array(fc.integer({ min: 1, max: 5_000 }), { minLength: 1 }),
    (frames, sizes) => {
      const bytes = written(frames);
      const chunks: Buffer[] = [];
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const size = sizes[turn % sizes.length] ?? 1;
        chunks.push(bytes.subarray(at, at + size));
        at += size;
      }
      t.deepEqual(read(chunks), joined(frames));
    },
  );
  t.notThrows(() => fc.assert(property, { numRuns: 200 }));
});

test("any bytes either are frames or are refused with a ProtocolError", (t) => {
  const property = fc.property(fc.array(fc.uint8Array({ maxLength: 64 })), (chunks) => {
    try {
      read(chunks.map((chunk) => Buffer.from(chunk)));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
    }
  });
  t.notThrows(() => fc.assert(property, { numRuns: 2_000 }));
});

test("a payload may be as long as its kind allows and not a byte longer", (t) => {
  const longest: [number, number][] = [
    [toDaemon.body, limits.maxChunkBytes],
    [toDaemon.output, limits.maxControlBytes],
    [toDaemon.dirty, 0],
  ];
  for (const [kind, most] of longest) {
    t.is(read([written([{ kind, invocation: 1, payload: Buffer.alloc(most) }])])[0]?.payload.length, most);
    const head = written([{ kind, invocation: 1, payload: Buffer.alloc(most + 1) }]).subarray(0, 9);
    t.throws(() => read([head]), { instanceOf: ProtocolError, message: new RegExp(`wanted 0 to ${most}$`) });
  }
  const tooShort = Buffer.from([4, 0, 0, 0, 65, 0, 0, 0, 0]);
  t.throws(() => read([tooShort]), { instanceOf: ProtocolError, message: /-1 bytes/ });
});

test("frames of one tick leave in one write", async (t) => {
  const writes: number[] = [];
  const sink = new Writable({
    write: (_chunk, _encoding, done) => {
      writes.push(1);
      done();
    },
    writev: (chunks, done) => {
      writes.push(chunks.length);
      done();
    },
  });
  const writer = new FrameWriter(sink);
  for (let number = 1; number <= 5; number += 1) writer.send(toDaemon.settled, number);
  t.deepEqual(writes, []);
  await new Promise((resolve) => setImmediate(resolve));
  t.deepEqual(writes, [1]);
  writer.send(toDaemon.settled, 6);
  writer.flush();
  t.deepEqual(writes, [1, 1], "flush() does not wait for the tick's end");
});

test("texts and bodies come through as one payload, whatever their length and characters", (t) => {
  const latin = fc.string({ unit: fc.integer({ min: 0, max: 0xff }).map((code) => String.fromCharCode(code)) });
  const body = fc.oneof(fc.string({ unit: "grapheme", maxLength: 9_000 }), fc.uint8Array({ maxLength: 9_000 }));
  const property = fc.property(fc.array(fc.tuple(latin, body), { maxLength: 6 }), (frames) => {
    const chunks: Buffer[] = [];
    const sink = new PassThrough().on("data", (chunk) => chunks.push(chunk));
    const writer = new FrameWriter(sink);
    for (const [text, body] of frames) {
      writer.sendText(toGuest.invoke, 1, text);
      writer.sendWithBody(toDaemon.answer, 2, text, body);
    }
    writer.flush();
    const expected = frames.flatMap(([text, body]) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(text.length);
      const head = Buffer.from(text, "latin1");
      return [
        { kind: toGuest.invoke, invocation: 1, payload: head },
        { kind: toDaemon.answer, invocation: 2, payload: Buffer.concat([length, head, Buffer.from(body)]) },
      ];
    });
    t.deepEqual(read([Buffer.concat(chunks)]), expected);
  });
  t.notThrows(() => fc.assert(property));
});

test("sending on a stream that is closed does nothing", async (t) => {
  const sink = new PassThrough();
  sink.destroy();
  const writer = new FrameWriter(sink);
  writer.send(toDaemon.settled, 1);
  await new Promise((resolve) => setImmediate(resolve));
  t.is(writer.pendingBytes, 0);
});

function written(frames: readonly Frame[]): Buffer {
  const chunks: Buffer[] = [];
  const sink = new Writable({
    write: (chunk, _encoding, done) => {
      chunks.push(chunk);
      done();
    },
  });
  const writer = new FrameWriter(sink);
  for (const { kind, invocation, payload } of frames) writer.send(kind, invocation, payload);
  writer.flush();
  return Buffer.concat(chunks);
}

function read(chunks: readonly Buffer[]): Frame[] {
  const frames: Frame[] = [];
  const decoder = new FrameDecoder();
  for (const chunk of chunks) decoder.push(chunk, (frame) => frames.push(frame));
  return joined(frames);
}

/** Raw payloads come in pieces; neighbours of one body are put together, as whoever reads it does. */
function joined(frames: readonly Frame[]): Frame[] {
  const whole: Frame[] = [];
  for (const { kind, invocation, payload } of frames) {
    const last = whole.at(-1);
    const isRaw = kind === toGuest.body || kind === toDaemon.body;
    const continues = isRaw && last?.kind === kind && last.invocation === invocation;
    if (continues) whole.pop();
    whole.push({ kind, invocation, payload: Buffer.concat(continues ? [last.payload, payload] : [payload]) });
  }
  return whole;
}
