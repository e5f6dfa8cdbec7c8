// The failure table: how a function can go wrong × before, during and after its answer. Each cell says what the caller
// gets and whether the instance is used again.

import { Readable } from "node:stream";
import test from "ava";
import type { TsfnError } from "../../runtime/errors.ts";
import type { Answer } from "../../runtime/invocation.ts";
import { type LiveFunction, startFunction, textOf, until } from "../support/live-function.ts";

/** Each `?how=` in each `?when=`; `after` leaves time for the answer to leave first. */
const source = `
  import { closeSync, writeSync } from "node:fs";
  const turn = () => new Promise((resolve) => setTimeout(resolve, 20));
  const ways = {
    throw: () => { throw new Error("thrown on purpose"); },
    reject: async () => { await turn(); throw new Error("rejected on purpose"); },
    uncaught: () => new Promise(() => setTimeout(() => { throw new Error("nobody catches this"); }, 1)),
    exit0: () => process.exit(0),
    exit1: () => process.exit(1),
    segv: () => process.kill(process.pid, "SIGSEGV"),
    loop: () => { for (;;); },
    frame: () => { writeSync(3, Buffer.from("this is no frame at all")); return new Promise(() => {}); },
    close: () => { closeSync(3); setInterval(() => {}, 1000); return new Promise(() => {}); },
  };
  export default { async fetch(request, env, ctx) {
    const { searchParams } = new URL(request.url);
    const way = ways[searchParams.get("how")];
    const when = searchParams.get("when");
    if (when === "before") await way();
    if (when === "after") ctx.waitUntil(turn().then(way));
    if (when !== "during") return new Response("fine");
    let pulls = 0;
    return new Response(new ReadableStream({ async pull(controller) {
      if (pulls++ === 0) return controller.enqueue(Buffer.from("begun"));
      await turn();
      await way();
    } }));
  } };`;

type When = "before" | "during" | "after";

interface Cell {
  readonly how: string;
  readonly when: When;
  /** What the caller gets, instead of or in the middle of the answer; null: the whole answer. */
  readonly code: string | null;
  readonly fate: "reused" | "gone";
  readonly message?: RegExp;
}

const row = (how: string, codes: readonly [string, string], fate: Cell["fate"], afterFate = fate): Cell[] => [
  { how, when: "before", code: codes[0], fate },
  { how, when: "during", code: codes[1], fate },
  { how, when: "after", code: null, fate: afterFate },
];

const table: readonly Cell[] = [
  ...row("throw", ["FUNCTION_ERROR", "FUNCTION_ERROR"], "reused"),
  ...row("reject", ["FUNCTION_ERROR", "FUNCTION_ERROR"], "reused"),
  ...row("uncaught", ["FUNCTION_CRASHED", "FUNCTION_CRASHED"], "gone"),
  ...row("exit0", ["FUNCTION_CRASHED", "FUNCTION_CRASHED"], "gone"),
  ...row("exit1", ["FUNCTION_CRASHED", "FUNCTION_CRASHED"], "gone"),
  ...row("segv", ["FUNCTION_CRASHED", "FUNCTION_CRASHED"], "gone"),
  ...row("loop", ["FUNCTION_TIMEOUT", "FUNCTION_TIMEOUT"], "gone"),
  ...row("frame", ["FUNCTION_CRASHED", "FUNCTION_CRASHED"], "gone"),
  ...row("close", ["FUNCTION_CRASHED", "FUNCTION_CRASHED"], "gone"),
];

for (const { how, when, code, fate } of table) {
  test(`${how} ${when} the answer: the caller gets ${code ?? "all of it"}, the instance is ${fate}`, async (t) => {
    // Only the endless loop is meant to meet its deadline.
    const live = await startFunction(t, source, { limits: { timeoutMs: how === "loop" ? 1_000 : 20_000 } });
    const url = `http://h/?how=${how}&when=${when}`;
    const { got, text } = await outcomeOf(live, url);
    t.is(got, code);
    // A failure discards what the caller has not read yet.
    if (when === "during") t.true("begun".startsWith(text));
    else t.is(text, when === "before" ? "" : "fine");
    await until(() => live.reports.length === 1);
    t.is(live.reports[0]?.outcome, code ?? "ok");
    if (fate === "reused") {
      t.is(live.instance.state, "ready");
      t.is(await textOf(await live.call()), "fine");
      return;
    }
    await until(() => live.events.includes("gone"));
    t.is(live.instance.state, "dead");
    t.deepEqual([...live.events].sort(), ["gone", "settled", "unusable"]);
    t.is(live.events.at(-1), "gone");
  });
}

test("the error of a crash names how the process ended", async (t) => {
  const messages = new Map<string, string>();
  for (const how of ["exit1", "segv", "frame"]) {
    const live = await startFunction(t, source);
    const error = await t.throwsAsync<TsfnError>(live.call({ url: `http://h/?how=${how}&when=before` }));
    messages.set(how, error?.message ?? "");
  }
  t.is(messages.get("exit1"), "The process of test@3 exited with code 1");
  t.is(messages.get("segv"), "The process of test@3 was ended by SIGSEGV");
  t.regex(messages.get("frame") ?? "", /broke the protocol: a frame of kind/);
});

test("a process that ends its stream and stays is ended, and its log says why", async (t) => {
  const live = await startFunction(t, source);
  const error = await t.throwsAsync<TsfnError>(live.call({ url: "http://h/?how=close&when=before" }));
  t.is(error?.message, "The process of test@3 closed its stream and was ended");
  await until(() => live.lines.some(({ stream }) => stream === "platform"));
  const told = live.lines.filter(({ stream }) => stream === "platform");
  t.deepEqual(
    told.map(({ level, msg }) => [level, msg]),
    [["error", error?.message]],
  );
});

test("a thrown error's stack is in the log with its invocation and not in what the caller gets", async (t) => {
  const live = await startFunction(t, source);
  const request = { url: "http://h/?how=throw&when=before", requestId: "r-9" };
  const error = await t.throwsAsync<TsfnError>(live.call(request));
  t.is(error?.message, "test@3 threw an error while answering");
  const lines = live.lines.filter(({ requestId }) => requestId === "r-9");
  t.is(lines[0]?.msg, "Error: thrown on purpose");
  t.regex(lines[1]?.msg ?? "", /^ {4}at .*\(?index\.mjs:5:\d+\)?$/);
  t.true(lines.every(({ stream, level, msg }) => stream === "stderr" && level === "error" && !msg.includes("guest")));
});

test("a full heap is FUNCTION_OOM", async (t) => {
  const hog = `export default { fetch() { const all = []; for (;;) all.push(new Array(1000).fill(Math.random())); } };`;
  const live = await startFunction(t, hog, { limits: { memoryBytes: 64 * 2 ** 20, timeoutMs: 60_000 } });
  const error = await t.throwsAsync<TsfnError>(live.call());
  t.is(error?.code, "FUNCTION_OOM");
});

test("an invocation that shares the process of an overrun one gets FUNCTION_CRASHED with the reason", async (t) => {
  const loop = `export default { async fetch(request) {
    if (request.url.endsWith("loop")) for (;;);
    await new Promise(() => {});
  } };`;
  const live = await startFunction(t, loop, { concurrency: 2, limits: { timeoutMs: 2_000 } });
  const victim = live.call({ url: "http://h/wait" });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  const culprit = live.call({ url: "http://h/loop" });
  const [first, second] = await Promise.allSettled([victim, culprit]);
  t.is(first.status === "rejected" && first.reason.code, "FUNCTION_TIMEOUT");
  t.is(second.status === "rejected" && second.reason.code, "FUNCTION_CRASHED");
  t.regex(second.status === "rejected" ? second.reason.message : "", /Another invocation .* overran/);
});

test("kill() ends what is in flight with FUNCTION_CRASHED, and a second kill() is harmless", async (t) => {
  const live = await startFunction(t, `export default { fetch: () => new Promise(() => {}) };`);
  const pending = t.throwsAsync<TsfnError>(live.call());
  await Promise.all([live.instance.kill(), live.instance.kill()]);
  t.is((await pending)?.code, "FUNCTION_CRASHED");
  t.is(live.instance.state, "dead");
});

test("a call on an instance that is not ready is refused as a mistake of the server", async (t) => {
  const live = await startFunction(t, `export default { fetch: () => new Response("x") };`);
  await live.instance.retire();
  t.is((await t.throwsAsync<TsfnError>(live.call()))?.code, "INTERNAL");
});

async function outcomeOf(live: LiveFunction, url: string): Promise<{ got: string | null; text: string }> {
  let answer: Answer;
  try {
    answer = await live.call({ url });
  } catch (error) {
    return { got: (error as TsfnError).code, text: "" };
  }
  let text = "";
  try {
    if (!(answer.body instanceof Readable)) return { got: null, text: await textOf(answer) };
    for await (const piece of answer.body) text += piece;
    return { got: null, text };
  } catch (error) {
    return { got: (error as TsfnError).code, text };
  }
}
