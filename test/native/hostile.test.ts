// tsfnd as an attacker: bytes on the control stream that no client would send. The warden ends in good order, with one
// line that says why, and leaves nothing.

import { closeSync, writeSync } from "node:fs";
import test, { type ExecutionContext } from "ava";
import { proto } from "../../runtime/warden/index.ts";
import { cgroupsOf, startWarden } from "../support/warden.ts";

function message(verb: number, request: number, body: Buffer = Buffer.alloc(0), status = 0): Buffer {
  const header = Buffer.alloc(12);
  header.writeUInt32LE(8 + body.length, 0);
  header.writeUInt16LE(verb, 4);
  header.writeUInt16LE(status, 6);
  header.writeUInt32LE(request, 8);
  return Buffer.concat([header, body]);
}

const length = (value: number) => {
  const bytes = Buffer.alloc(64);
  bytes.writeUInt32LE(value);
  return bytes;
};

const text = (value: string) =>
  Buffer.concat([Buffer.from([value.length & 0xff, value.length >> 8]), Buffer.from(value)]);

const hostile: readonly (readonly [string, Buffer])[] = [
  ["noise", Buffer.from("GET / HTTP/1.1\r\nHost: warden\r\n\r\n")],
  ["a length of 4 GiB", length(0xffff_ffff)],
  ["a length just past the limit", length(proto.MAX_MESSAGE + 1)],
  ["a length of nothing", length(0)],
  ["an unknown verb", message(999, 1)],
  ["an event sent the wrong way", message(proto.EXITED, 1)],
  ["request number 0", message(proto.LIST, 0)],
  ["a reply's status", message(proto.LIST, 1, Buffer.alloc(0), 1)],
  ["bytes after a complete body", message(proto.LIST, 1, Buffer.from([1]))],
  ["a string longer than its message", message(proto.KILL, 1, Buffer.from([255, 255, 65]))],
  ["a string with a NUL", message(proto.KILL, 1, text("a\0b"))],
  ["an id of 65 characters", message(proto.SANDBOX_CREATE, 1, Buffer.concat([text("a".repeat(65)), Buffer.alloc(64)]))],
  ["seventeen layers", message(proto.SANDBOX_CREATE, 1, Buffer.concat([text("a"), text("a"), Buffer.from([17, 0])]))],
  ["65,535 arguments", message(proto.INSTANCE_START, 1, Buffer.concat([text("a"), Buffer.from([255, 255])]))],
  ["half a request for limits", message(proto.LIMITS_SET, 1, text("a"))],
];

for (const [what, bytes] of hostile) {
  test(`${what} ends the warden in good order`, async (t) => {
    const end = await endAfter(t, bytes);
    t.regex(end.stderr, /^warden: tsfnd broke the protocol: .+; everything is stopped\n$/);
    // The relay, which stands in tsfnd's place, died of the warden's SIGTERM.
    t.like(end, { code: 143, signal: null });
  });
}

test("a stream that closes without a word ends the warden without one", async (t) => {
  const end = await endAfter(t, Buffer.alloc(0));
  t.like(end, { code: 143, signal: null, stderr: "" });
});

async function endAfter(t: ExecutionContext, bytes: Buffer) {
  let descriptors: number[] = [];
  const raw = ({ controlFd, laneFd }: { controlFd: number; laneFd: number }) => {
    descriptors = [controlFd, laneFd];
  };
  const warden = await startWarden(t, { raw });
  const [control = -1, lane = -1] = descriptors;
  if (bytes.length > 0) writeSync(control, bytes);
  else closeSync(control);
  const end = await warden.ended;
  t.deepEqual(cgroupsOf(warden.id), []);
  closeSync(lane);
  if (bytes.length > 0) closeSync(control);
  return end;
}
