// A function that takes over its own stream and sends what a guest must not: each frame ends the instance, and the
// server lives on.

import test from "ava";
import type { TsfnError } from "../../runtime/errors.ts";
import { encode, encodeResponseHead, limits, toDaemon } from "../../runtime/wire/index.ts";
import { attemptStart, startFunction, textOf, until } from "../support/live-function.ts";

/** Writes the frames that the request's headers hold, in base64, straight to the stream; then waits for the end. */
const source = `
  import { writeSync } from "node:fs";
  const write = (frame) => {
    try { return writeSync(3, frame); } catch (error) { if (error.code === "EAGAIN") return 0; throw error; }
  };
  export default { fetch(request) {
    for (const text of request.headers.get("x-frames").split(",")) {
      for (let frame = Buffer.from(text, "base64"); frame.length > 0; ) frame = frame.subarray(write(frame));
    }
    return new Promise(() => {});
  } };`;

function frame(
  kind: number,
  invocation: number,
  payload: Uint8Array = Buffer.alloc(0),
  declared = payload.length,
): string {
  const head = Buffer.alloc(9);
  head.writeUInt32LE((declared + 5) >>> 0, 0);
  head.writeUInt8(kind, 4);
  head.writeUInt32LE(invocation, 5);
  return Buffer.concat([head, payload]).toString("base64");
}

const head = (status: number, headers: string[], hasBody = true) =>
  Buffer.from(encodeResponseHead({ status, headers, hasBody }), "latin1");
const whole = (body: Buffer, text = head(200, []), declared = text.length) => {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(declared);
  return Buffer.concat([length, text, body]);
};
const good = frame(toDaemon.response, 1, head(200, []));
const failure = encode({ kind: "threw", name: "Error", message: "", stack: "" });

const attacks: Readonly<Record<string, readonly [string[], string]>> = {
  "an unknown kind": [[frame(200, 1)], "FUNCTION_BAD_RESPONSE"],
  "a kind of the other direction": [[frame(1, 1, failure)], "FUNCTION_BAD_RESPONSE"],
  "an invocation that is not there": [[frame(toDaemon.response, 77, head(200, []))], "FUNCTION_CRASHED"],
  "ready again": [
    [frame(toDaemon.ready, 0, encode({ handler: "fetch", loadMs: 1, unforkable: [] }))],
    "FUNCTION_CRASHED",
  ],
  "a head of nothing": [[frame(toDaemon.response, 1)], "FUNCTION_BAD_RESPONSE"],
  "a head without a word on its body": [[frame(toDaemon.response, 1, Buffer.from("200"))], "FUNCTION_BAD_RESPONSE"],
  "a head that is no text": [[frame(toDaemon.response, 1, Buffer.from([0xc1, 0, 10, 49]))], "FUNCTION_BAD_RESPONSE"],
  "an answer shorter than its head": [
    [frame(toDaemon.answer, 1, whole(Buffer.alloc(0), head(200, []), 6))],
    "FUNCTION_BAD_RESPONSE",
  ],
  "an answer of nothing": [[frame(toDaemon.answer, 1)], "FUNCTION_BAD_RESPONSE"],
  "an answer with a body past a chunk": [
    [frame(toDaemon.answer, 1, whole(Buffer.alloc(limits.maxChunkBytes + 1)))],
    "FUNCTION_BAD_RESPONSE",
  ],
  "an answer with a bad head": [
    [frame(toDaemon.answer, 1, whole(Buffer.alloc(0), head(99, [])))],
    "FUNCTION_BAD_RESPONSE",
  ],
  "a second answer": [
    [frame(toDaemon.answer, 1, whole(Buffer.alloc(0))), frame(toDaemon.answer, 1, whole(Buffer.alloc(0)))],
    "ok",
  ],
  "revoked without being asked": [[frame(toDaemon.revoked, 0)], "FUNCTION_CRASHED"],
  "status 101": [[frame(toDaemon.response, 1, head(101, []))], "FUNCTION_BAD_RESPONSE"],
  "status 600": [[frame(toDaemon.response, 1, head(600, []))], "FUNCTION_BAD_RESPONSE"],
  "status 200.5": [[frame(toDaemon.response, 1, head(200.5, []))], "FUNCTION_BAD_RESPONSE"],
  "CR LF in a value": [[frame(toDaemon.response, 1, head(200, ["a", "b\r\nc: d"]))], "FUNCTION_BAD_RESPONSE"],
  "CR LF in a name": [[frame(toDaemon.response, 1, head(200, ["a\r\nb", "c"]))], "FUNCTION_BAD_RESPONSE"],
  "an empty name": [[frame(toDaemon.response, 1, head(200, ["", "c"]))], "FUNCTION_BAD_RESPONSE"],
  "a name without a value": [[frame(toDaemon.response, 1, head(200, ["a"]))], "FUNCTION_BAD_RESPONSE"],
  "a character beyond Latin-1": [[frame(toDaemon.response, 1, head(200, ["a", "\u0100"]))], "FUNCTION_BAD_RESPONSE"],
  "too many headers": [
    [
      frame(
        toDaemon.response,
        1,
        head(
          200,
          Array.from({ length: 2_050 }, () => "a"),
        ),
      ),
    ],
    "FUNCTION_BAD_RESPONSE",
  ],
  "a body before its head": [[frame(toDaemon.body, 1, Buffer.from("x"))], "FUNCTION_BAD_RESPONSE"],
  "the end before the head": [[frame(toDaemon.bodyEnd, 1)], "FUNCTION_BAD_RESPONSE"],
  "settled before the answer": [[frame(toDaemon.settled, 1)], "FUNCTION_BAD_RESPONSE"],
  "a second head": [[good, good], "FUNCTION_BAD_RESPONSE"],
  "a payload where none may be": [[good, frame(toDaemon.bodyEnd, 1, Buffer.from("x"))], "FUNCTION_BAD_RESPONSE"],
  "a body past the window": [
    [good, ...Array.from({ length: 5 }, () => frame(toDaemon.body, 1, Buffer.alloc(limits.maxChunkBytes)))],
    "FUNCTION_BAD_RESPONSE",
  ],
  "a chunk past its limit": [[good, frame(toDaemon.body, 1, Buffer.alloc(0), 70_000)], "FUNCTION_BAD_RESPONSE"],
  "a frame of 4 GiB": [[frame(toDaemon.output, 0, Buffer.alloc(0), 0xfffffff0)], "FUNCTION_CRASHED"],
  "a frame shorter than its header": [[Buffer.alloc(9).toString("base64")], "FUNCTION_CRASHED"],
  "credit for a body that was never sent": [[frame(toDaemon.credit, 1, encode({ bytes: 1 }))], "FUNCTION_BAD_RESPONSE"],
  "a list of four billion": [
    [frame(toDaemon.output, 1, Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]))],
    "FUNCTION_BAD_RESPONSE",
  ],
  "a msgpack extension": [[frame(toDaemon.output, 1, Buffer.from([0xd4, 0x72, 0x40]))], "FUNCTION_BAD_RESPONSE"],
};

for (const [what, [frames, code]] of Object.entries(attacks)) {
  test(`${what} ends the instance`, async (t) => {
    const live = await startFunction(t, source);
    const large = frames.join(",");
    // The request's headers carry the frames; in the guest they are within what Headers takes.
    const outcome = live.call({ headers: ["x-frames", large] }).then(async (answer) => {
      await until(() => live.events.includes("gone"));
      await textOf(answer);
      return "ok";
    });
    const got = await outcome.catch((error: TsfnError) => error.code);
    // A stream that breaks off without saying what it is of can be blamed on no invocation.
    t.true(got === code || (code === "FUNCTION_BAD_RESPONSE" && got === "FUNCTION_CRASHED"), `got ${got}`);
    await until(() => live.events.includes("gone"));
    t.true(live.lines.some(({ stream, msg }) => stream === "platform" && msg.includes("broke the protocol")));
  });
}

test("a flood of output frames without a newline or an end is cut into lines of bounded length", async (t) => {
  const live = await startFunction(
    t,
    `export default { fetch() { process.stdout.write("x".repeat(200_000)); return new Response("ok"); } };`,
  );
  await live.call({ requestId: "flood" });
  await until(() => live.reports.length === 1);
  t.deepEqual(
    live.lines.map(({ msg }) => msg.length),
    [65_536, 65_536, 65_536, 3_392],
  );
});

test("a word that it is ready and, in the same breath, one that no guest may say: it never takes an invocation", async (t) => {
  const words = [frame(toDaemon.ready, 0, encode({ handler: "fetch", loadMs: 1, unforkable: [] })), frame(200, 1)];
  const bytes = Buffer.concat(words.map((word) => Buffer.from(word, "base64"))).toString("base64");
  const hostile = `import { writeSync } from "node:fs";
    writeSync(3, Buffer.from("${bytes}", "base64"));
    await new Promise((resolve) => setTimeout(resolve, 60_000));`;
  const told = { lines: [], reports: [], events: [] };
  await t.throwsAsync(attemptStart(t, hostile, {}, 30_000, told), { code: "STARTUP_FAILED" });
  t.deepEqual(told.events, []);
});
