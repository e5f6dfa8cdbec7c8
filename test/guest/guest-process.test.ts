// The guest as a real process at the other end of a real stream, seen frame by frame.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import test, { type ExecutionContext } from "ava";
import { buildGuest } from "../../runtime/guest/index.ts";
import {
  decodeAnswer,
  decodeFailure,
  decodeOutput,
  decodeReady,
  decodeResponseHead,
  encode,
  encodeInvoke,
  type Frame,
  FrameDecoder,
  FrameWriter,
  type Invoke,
  limits,
  toDaemon,
  toGuest,
} from "../../runtime/wire/index.ts";

const hello = `export default { fetch: async (request) => new Response("hello " + await request.text()) };`;

test("init is answered with ready, an invocation with its whole answer and settled, in this order", async (t) => {
  const guest = await startGuest(t, hello);
  t.true(decodeReady((await guest.next()).payload).loadMs > 0);
  guest.writer.sendText(toGuest.invoke, 9, encodeInvoke({ ...invoke, method: "POST", hasBody: true }));
  guest.writer.send(toGuest.body, 9, Buffer.from("you"));
  guest.writer.send(toGuest.bodyEnd, 9);
  const answer = await guest.next();
  t.deepEqual([answer.kind, answer.invocation], [toDaemon.answer, 9]);
  const { head, body } = decodeAnswer(answer.payload);
  t.deepEqual(head, { status: 200, headers: ["content-type", "text/plain;charset=UTF-8"], hasBody: true });
  t.is(body.toString(), "hello you");
  const last = await guest.next();
  t.deepEqual([last.kind, last.invocation], [toDaemon.settled, 9]);
});

test("a module that throws is answered with loadFailed, and the process exits with 1", async (t) => {
  const guest = await startGuest(t, `console.log("before"); throw new TypeError("no");`);
  t.is(decodeOutput((await guest.next()).payload).text, "before");
  const failed = await guest.next();
  t.is(failed.kind, toDaemon.loadFailed);
  const { name, message, stack } = decodeFailure(failed.payload);
  t.deepEqual([name, message], ["TypeError", "no"]);
  t.regex(stack, /^TypeError: no\n {4}at index\.mjs:1:\d+$/);
  t.is(await guest.exitCode, 1);
});

test("frames for an invocation that is over or was never there are ignored", async (t) => {
  const guest = await startGuest(t, hello);
  await guest.next();
  for (const number of [5, 77]) {
    guest.writer.send(toGuest.body, number, Buffer.from("late"));
    guest.writer.send(toGuest.bodyEnd, number);
    guest.writer.send(toGuest.credit, number, encode({ bytes: 10 }));
    guest.writer.send(toGuest.cancel, number, encode({ reason: "client" }));
  }
  guest.writer.sendText(toGuest.invoke, 1, encodeInvoke(invoke));
  t.is((await guest.next()).kind, toDaemon.answer);
});

test("a body that is not known whole comes after its head, in pieces", async (t) => {
  const guest = await startGuest(
    t,
    `export default { fetch: () => new Response(new Blob(["one", "two"]).stream(), { status: 201 }) };`,
  );
  await guest.next();
  guest.writer.sendText(toGuest.invoke, 1, encodeInvoke(invoke));
  const head = await guest.next();
  t.deepEqual(
    [head.kind, decodeResponseHead(head.payload)],
    [toDaemon.response, { status: 201, headers: [], hasBody: true }],
  );
  let text = "";
  for (let frame = await guest.next(); frame.kind !== toDaemon.bodyEnd; frame = await guest.next())
    text += frame.payload;
  t.is(text, "onetwo");
  t.is((await guest.next()).kind, toDaemon.settled);
});

test("a body stops at the window until credit comes", async (t) => {
  const guest = await startGuest(
    t,
    `export default { fetch: () => new Response("x".repeat(${limits.windowBytes + 1})) };`,
  );
  await guest.next();
  guest.writer.sendText(toGuest.invoke, 1, encodeInvoke(invoke));
  await guest.next();
  for (let bytes = 0; bytes < limits.windowBytes; ) bytes += (await guest.next()).payload.length;
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.is(guest.waiting, 0, "nothing more came without credit");
  guest.writer.send(toGuest.credit, 1, encode({ bytes: 1 }));
  t.is((await guest.next()).payload.length, 1);
  t.is((await guest.next()).kind, toDaemon.bodyEnd);
});

test("retire lets what runs finish and then the process exits with 0", async (t) => {
  const guest = await startGuest(
    t,
    `export default { fetch: () => new Promise((r) => setTimeout(() => r(new Response(null)), 50)) };`,
  );
  await guest.next();
  guest.writer.sendText(toGuest.invoke, 1, encodeInvoke(invoke));
  guest.writer.send(toGuest.retire, 0);
  t.is((await guest.next()).kind, toDaemon.response);
  t.is((await guest.next()).kind, toDaemon.settled);
  t.is(await guest.exitCode, 0);
});

test("the process ends when tsfnd closes the stream, also in the middle of an invocation", async (t) => {
  const guest = await startGuest(
    t,
    `setInterval(() => {}, 1000); export default { fetch: () => new Promise(() => {}) };`,
  );
  await guest.next();
  guest.writer.sendText(toGuest.invoke, 1, encodeInvoke(invoke));
  guest.writer.flush();
  guest.wire.destroy();
  t.is(await guest.exitCode, 0);
});

test("lines printed right before process.exit and in an endless loop are not lost", async (t) => {
  const guest = await startGuest(
    t,
    `export default { fetch(request) {
      console.log("last line"); process.stdout.write("no end");
      if (request.method === "POST") process.exit(7);
      for (;;);
    } };`,
  );
  await guest.next();
  guest.writer.sendText(toGuest.invoke, 1, encodeInvoke({ ...invoke, method: "POST" }));
  t.is(decodeOutput((await guest.next()).payload).text, "last line");
  t.is(decodeOutput((await guest.next()).payload).text, "no end");
  t.is(await guest.exitCode, 7);

  const looping = await startGuest(t, `export default { fetch() { console.log("looping"); for (;;); } };`);
  await looping.next();
  looping.writer.sendText(toGuest.invoke, 1, encodeInvoke(invoke));
  t.is(decodeOutput((await looping.next()).payload).text, "looping");
});

/** A guest in whose invocation 1 some 20,000 lines were printed while nobody read for so long. */
async function printUnread(t: ExecutionContext, more: string, unreadMs: number) {
  const guest = await startGuest(
    t,
    `export default { fetch() {
      const line = "x".repeat(1000);
      for (let count = 0; count < 20_000; count += 1) console.log(line);
      return new Response(null);
    } };
    ${more}`,
  );
  await guest.next();
  guest.wire.pause();
  guest.writer.sendText(toGuest.invoke, 1, encodeInvoke(invoke));
  guest.writer.flush();
  await new Promise((resolve) => setTimeout(resolve, unreadMs));
  guest.wire.resume();
  return guest;
}

test("a function that only prints cannot fill the memory: what is not read is dropped and counted", async (t) => {
  const guest = await printUnread(t, `setInterval(() => console.log("later"), 20);`, 1_000);
  let lines = 0;
  for (;;) {
    const frame = await guest.next();
    if (frame.kind !== toDaemon.output) continue;
    const { text } = decodeOutput(frame.payload);
    if (text.includes("lines were dropped")) break;
    lines += 1;
  }
  t.true(lines < 20_000, `${lines} lines came`);
});

test("an invocation whose last lines were dropped says so at its end", async (t) => {
  const guest = await printUnread(t, "", 500);
  let [lines, dropped] = [0, 0];
  for (let frame = await guest.next(); frame.kind !== toDaemon.settled; frame = await guest.next()) {
    if (frame.kind !== toDaemon.output) continue;
    const { text } = decodeOutput(frame.payload);
    const told = /^(\d+) lines were dropped/.exec(text)?.[1];
    if (told === undefined) lines += 1;
    else dropped += Number(told);
    t.is(frame.invocation, 1);
  }
  t.true(dropped > 0);
  t.is(lines + dropped, 20_000);
});

test("each program is one file, the same every time, that imports nothing but Node's own modules", async (t) => {
  const first = await buildGuest();
  t.deepEqual(await buildGuest(), first);
  for (const program of Object.values(first)) {
    const text = program.toString();
    const imports = [...text.matchAll(/\bfrom\s*"([^"]+)"/g)].map(([, name]) => name ?? "");
    t.true(imports.length > 0 && imports.every((name) => name.startsWith("node:")), imports.join(", "));
    t.false(text.includes(fileURLToPath(new URL("../..", import.meta.url))), "no path of the machine that built it");
  }
});

const invoke: Invoke = {
  requestId: "r",
  method: "GET",
  url: "http://localhost/",
  headers: [],
  hasBody: false,
  remainingMs: 10_000,
};

async function startGuest(t: ExecutionContext, source: string) {
  const directory = await mkdtemp(join(tmpdir(), "tsfn-guest-"));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, "index.mjs"), source);
  const guestFile = join(directory, "guest.mjs");
  await writeFile(guestFile, (await buildGuest()).guest);
  const child = spawn(process.execPath, ["--enable-source-maps", guestFile], {
    cwd: directory,
    env: {},
    stdio: ["ignore", "inherit", "inherit", "pipe"],
  });
  t.teardown(() => child.kill("SIGKILL"));
  const exitCode = once(child, "exit").then(([code]) => code as number | null);
  const wire = child.stdio[3] as Socket;
  const writer = new FrameWriter(wire);
  const decoder = new FrameDecoder();
  const frames: Frame[] = [];
  let wake = () => {};
  wire.on("data", (chunk: Buffer) => decoder.push(chunk, (frame) => frames.push(frame)));
  wire.on("data", () => wake());
  wire.on("error", (error) => t.log(`stream: ${error.message}`));
  const next = async (): Promise<Frame> => {
    for (;;) {
      const frame = frames.shift();
      if (frame !== undefined) return frame;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  writer.send(
    toGuest.init,
    0,
    encode({
      function: "test",
      version: 1,
      instance: "test-1-a",
      runtime: "node26",
      entry: "index.mjs",
      handler: "auto",
      env: {},
      secrets: {},
      loadTimeoutMs: 10_000,
      concurrency: 1,
      cpus: 1,
      memoryBytes: 128 * 2 ** 20,
    }),
  );
  return {
    wire,
    writer,
    exitCode,
    next,
    get waiting() {
      return frames.length;
    },
  };
}
