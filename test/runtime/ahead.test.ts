// Invocations that are sent to a busy instance ahead of their turn, in real sandboxes: one that takes long or crashes harms
// nobody behind it, nothing runs twice, and nobody sees what another one wrote.

import { setTimeout as wait } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { TsfnError } from "../../runtime/errors.ts";
import type { Invocation } from "../../runtime/invocation.ts";
import { heldBody, openTestRuntime } from "../support/test-runtime.ts";
import { until } from "../support/until.ts";
import { startWarden } from "../support/warden.ts";

/** Does what the path says; every run is a line in the log. */
const source = `
  import fs from "node:fs";
  export default { async fetch(request) {
    const { pathname, search } = new URL(request.url);
    process.stdout.write("ran " + search.slice(1) + "\\n");
    if (pathname === "/crash") process.exit(7);
    if (pathname === "/compute") for (const end = Date.now() + 8_000; Date.now() < end; );
    if (pathname === "/hold") await request.text();
    if (pathname === "/print") fs.writeSync(1, "printed\\n");
    const found = fs.existsSync("/tmp/mark");
    if (pathname === "/write") fs.writeFileSync("/tmp/mark", "x");
    return new Response(found ? "found a mark" : "done");
  } };`;

async function open(t: ExecutionContext, max = 4) {
  const warden = await startWarden(t);
  let handedOver = 0;
  const faults: string[] = [];
  const observer = {
    handedOver: () => {
      handedOver += 1;
    },
    fault: (error: Error) => void faults.push(error.message),
  };
  const opened = await openTestRuntime(t, { warden, observer });
  await opened.deploy("hasty", source, { scaling: { max } });
  let last = 0;
  const outcomes: string[] = [];
  /** Numbered; resolves with `path number: what came of it`. */
  const call = async (path: string, fields: Partial<Invocation> = {}) => {
    last += 1;
    const number = last;
    const outcome = await opened
      .text("hasty", { url: `http://h${path}?${number}`, ...fields })
      .catch((error: TsfnError) => error.code);
    outcomes.push(`${path} ${outcome}`);
    return outcome;
  };
  const messages = async () => {
    const { signal } = new AbortController();
    const all: string[] = [];
    for await (const { msg } of opened.runtime.logs("hasty", { tail: 100_000, follow: false, signal })) all.push(msg);
    return all;
  };
  const many = (count: number, path = "/") => Promise.all(Array.from({ length: count }, () => call(path)));
  return {
    ...opened,
    call,
    many,
    outcomes,
    faults,
    /** How often an instance was found for all those called by now. */
    handedOver: () => handedOver,
    called: () => last,
    /** Numbers of those that ran, as often as they did. */
    async ran(): Promise<number[]> {
      const ran = (await messages()).filter((msg) => msg.startsWith("ran "));
      return ran.map((msg) => Number(msg.slice(4))).sort((a, b) => a - b);
    },
    messages,
  };
}

/** Plays `round` until some of its invocations were sent ahead and had to be handed over once more. */
async function untilTakenBack(
  { handedOver, called, many }: Awaited<ReturnType<typeof open>>,
  round: () => Promise<void>,
) {
  await until(
    "some were taken back",
    async () => {
      for (let turn = 0; turn < 50; turn += 1) await many(1);
      const before = handedOver() - called();
      await round();
      return handedOver() - called() > before;
    },
    120_000,
  );
}

const from1 = (count: number) => Array.from({ length: count }, (_, at) => at + 1);

test("those behind one that waits for something are answered by other instances, and each runs once", async (t) => {
  const world = await open(t);
  await untilTakenBack(world, async () => {
    const upload = heldBody();
    const slow = world.call("/hold", { method: "POST", body: upload.body });
    t.deepEqual([...new Set(await world.many(12))], ["done"]);
    upload.end();
    t.is(await slow, "done");
  });
  t.deepEqual(await world.ran(), from1(world.called()));
  t.deepEqual(world.faults, []);
});

test("those behind one that computes, and is deaf to everything, are answered before it is through", async (t) => {
  const world = await open(t);
  await untilTakenBack(world, async () => {
    const quick = world.many(2);
    const slow = world.call("/compute");
    t.deepEqual([...new Set([...(await quick), ...(await world.many(12))])], ["done"]);
    t.false(world.outcomes.includes("/compute done"));
    t.is(await slow, "done");
    world.outcomes.length = 0;
  });
  t.deepEqual(await world.ran(), from1(world.called()));
});

test("one that crashes fails alone: those before it keep their answers, those behind it get theirs", async (t) => {
  const world = await open(t);
  await untilTakenBack(world, async () => {
    const before = world.many(4);
    const crashing = world.call("/crash");
    const behind = world.many(12);
    t.deepEqual([...new Set([...(await before), ...(await behind)])], ["done"]);
    t.is(await crashing, "FUNCTION_CRASHED");
  });
  t.deepEqual(await world.ran(), from1(world.called()));
});

test("nobody finds what an invocation wrote that ran before it in the same batch", async (t) => {
  const world = await open(t);
  await untilTakenBack(world, async () => {
    t.deepEqual([...new Set(await world.many(16, "/write"))], ["done"]);
  });
  t.deepEqual(await world.ran(), from1(world.called()));
  t.deepEqual(world.faults, []);
});

test("none is sent ahead to a process that writes to its real stdout, whose lines could then be of either", async (t) => {
  const world = await open(t, 1);
  await world.many(50);
  /** How many were handed over while the first of them held the only instance. */
  const handedOverBehind = async () => {
    const before = world.handedOver();
    const upload = heldBody();
    const slow = world.call("/hold", { method: "POST", body: upload.body });
    const behind = world.many(8);
    await wait(50);
    const handedOver = world.handedOver() - before;
    upload.end();
    t.deepEqual([...new Set([await slow, ...(await behind)])], ["done"]);
    return handedOver;
  };
  await until("some are sent ahead", async () => (await handedOverBehind()) > 1, 60_000);
  await world.call("/print");
  await until("it is in the log", async () => (await world.messages()).includes("printed"));
  for (let round = 0; round < 5; round += 1) t.is(await handedOverBehind(), 1);
});

test("callers that leave before their turn hear their own reason, and the others are answered", async (t) => {
  const world = await open(t);
  await world.many(50);
  for (let turn = 0; turn < 20; turn += 1) {
    const leaver = new AbortController();
    const before = world.many(3);
    const leaving = Promise.all(from1(4).map(() => world.call("/", { signal: leaver.signal })));
    const after = world.many(5);
    leaver.abort(new TsfnError("CLIENT_CLOSED", "left"));
    t.deepEqual([...new Set([...(await before), ...(await after)])], ["done"]);
    for (const outcome of await leaving) t.not(outcome, "done");
  }
  const ran = await world.ran();
  t.is(new Set(ran).size, ran.length, "none ran twice");
});
