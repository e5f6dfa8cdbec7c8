// How a pool of real instances grows, shrinks, waits and fails.

import { setTimeout as pause } from "node:timers/promises";
import test from "ava";
import { TsfnError } from "../../runtime/errors.ts";
import type { InvocationEnd, PoolSnapshot, Runtime } from "../../runtime/index.ts";
import { heldBody, openTestRuntime, type TestRuntime, textOf } from "../support/test-runtime.ts";
import { until } from "../support/until.ts";

let shared: TestRuntime;
const undo: (() => unknown)[] = [];

test.before(async () => {
  shared = await openTestRuntime({ teardown: (act) => undo.push(act) });
});

test.after.always(async () => {
  for (const act of undo.reverse()) await act();
});

/** Tells its process id once it has read the whole request. */
const pid = `export default { async fetch(request) { await request.text(); return new Response(String(process.pid)); } };`;

const poolOf = (runtime: Runtime, name: string): PoolSnapshot => {
  const found = runtime.snapshot().find((pool) => pool.function === name);
  if (found === undefined) throw new Error(`no pool of ${name}`);
  return found;
};

const codeOf = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => "ok",
    (error: unknown) => (error instanceof TsfnError ? error.code : String(error)),
  );

test("invocations that overlap get instances of their own; later ones reuse them", async (t) => {
  await shared.deploy("spread", pid);
  const uploads = Array.from({ length: 3 }, heldBody);
  const calls = uploads.map(({ body }) => shared.text("spread", { method: "POST", body }));
  await until("all three run", () => poolOf(shared.runtime, "spread").busy === 3);
  for (const { end } of uploads) end();
  const pids = new Set(await Promise.all(calls));
  t.is(pids.size, 3);
  t.true(pids.has(await shared.text("spread")));
});

test("with concurrency, one instance runs that many at the same time", async (t) => {
  await shared.deploy("shared", pid, { concurrency: 3, scaling: { max: 1 } });
  const uploads = Array.from({ length: 3 }, heldBody);
  const calls = uploads.map(({ body }) => shared.text("shared", { method: "POST", body }));
  await until("one instance is busy and nobody waits", () => {
    const { busy, waiting } = poolOf(shared.runtime, "shared");
    return busy === 1 && waiting === 0;
  });
  for (const { end } of uploads) end();
  t.is(new Set(await Promise.all(calls)).size, 1);
});

test("max bounds the instances, and the rest wait their turn", async (t) => {
  await shared.deploy("bounded", pid, { scaling: { max: 2 } });
  const calls = Array.from({ length: 20 }, () => shared.text("bounded"));
  const pids = new Set(await Promise.all(calls));
  t.true(pids.size <= 2);
});

test("reuse never gives every invocation a process of its own", async (t) => {
  await shared.deploy("fresh", pid, { reuse: "never", scaling: { max: 4 } });
  const pids = await Promise.all(Array.from({ length: 8 }, () => shared.text("fresh")));
  t.is(new Set(pids).size, 8);
});

test("an idle function is scaled to zero after its idle timeout, and answers again", async (t) => {
  await shared.deploy("sleepy", pid, { scaling: { idleTimeout: "50ms" } });
  await shared.text("sleepy");
  await until("no instance is left", () => {
    const { idle, busy, starting, retiring } = poolOf(shared.runtime, "sleepy");
    return idle + busy + starting + retiring === 0;
  });
  const answer = await shared.call("sleepy");
  t.true(answer.cold);
  t.is(answer.status, 200);
});

test("min instances outlive the idle timeout and are replaced when they die", async (t) => {
  const dying = `export default { fetch: (request) => {
    if (request.url.endsWith("/die")) process.kill(process.pid, "SIGKILL");
    return new Response(String(process.pid));
  } };`;
  await shared.deploy("guarded", dying, { scaling: { min: 1, idleTimeout: "30ms" } });
  const before = await shared.text("guarded");
  await pause(150);
  t.is(await shared.text("guarded"), before);
  t.is(await codeOf(shared.text("guarded", { url: "http://localhost/die" })), "FUNCTION_CRASHED");
  await until("another one is ready", () => poolOf(shared.runtime, "guarded").idle === 1);
  t.not(await shared.text("guarded"), before);
  await shared.runtime.remove("guarded");
});

test("a deploy is done when min instances are ready, and not before", async (t) => {
  const { version } = await shared.deploy("ready", pid, { scaling: { min: 3 } });
  t.is(version, 1);
  const { idle, starting } = poolOf(shared.runtime, "ready");
  t.deepEqual({ idle, starting }, { idle: 3, starting: 0 });
  await shared.deploy("ready", `${pid} // again`, { scaling: { min: 2 } });
  t.is(poolOf(shared.runtime, "ready").idle, 2);
  await shared.runtime.remove("ready");
});

test("a full waiting line answers 429 and the others are still served", async (t) => {
  const small = await openTestRuntime(t, { maxWaiting: 2 });
  await small.deploy("narrow", pid, { scaling: { max: 1 } });
  const upload = heldBody();
  const slow = small.text("narrow", { method: "POST", body: upload.body });
  const waiting = [small.text("narrow"), small.text("narrow")];
  t.is(await codeOf(small.text("narrow")), "CONCURRENCY_LIMIT");
  upload.end();
  t.is(new Set(await Promise.all([slow, ...waiting])).size, 1);
});

test("a caller that leaves while waiting frees its place and hears its own reason", async (t) => {
  await shared.deploy("left", pid, { scaling: { max: 1 } });
  const upload = heldBody();
  const slow = shared.text("left", { method: "POST", body: upload.body });
  const leave = new AbortController();
  const left = codeOf(shared.text("left", { signal: leave.signal }));
  const patient = shared.text("left");
  leave.abort(new TsfnError("CLIENT_CLOSED", "the client left"));
  t.is(await left, "CLIENT_CLOSED");
  t.is(poolOf(shared.runtime, "left").waiting, 1);
  upload.end();
  t.is(await patient, await slow);
});

test("a version that can no longer start is left alone for a while; its callers are told at once when to come back", async (t) => {
  const failing = await openTestRuntime(t, {});
  const once = `import { existsSync, writeFileSync } from "node:fs";
    const mark = process.env.MARK;
    if (existsSync(mark)) throw new Error("only once");
    writeFileSync(mark, "");
    export default { fetch: () => new Response("ok") };`;
  await failing.deploy("once", once, { env: { MARK: `${failing.dataDir}/mark` } });
  await failing.runtime.restart("once", { zygote: false });
  const first = await t.throwsAsync(failing.call("once"), { instanceOf: TsfnError });
  t.is(first?.code, "STARTUP_FAILED");
  t.is(first?.message, "once@1 did not start (LOAD_FAILED)", "what the module threw is for the logs");
  t.true((first?.fields.retryAfterS ?? 0) >= 1);
  const starts = poolOf(failing.runtime, "once").starting;
  t.is(starts, 0);
  t.is(await codeOf(failing.call("once")), "STARTUP_FAILED");
});

test("callers waiting behind a crash are served by the next instance", async (t) => {
  const crashing = `export default { async fetch(request) {
    if (await request.text() === "die") process.exit(3);
    return new Response("served");
  } };`;
  await shared.deploy("resilient", crashing, { scaling: { max: 1 } });
  const upload = heldBody();
  upload.body.push("die");
  const dying = codeOf(shared.text("resilient", { method: "POST", body: upload.body }));
  const waiting = Array.from({ length: 5 }, () => shared.text("resilient"));
  upload.end();
  t.is(await dying, "FUNCTION_CRASHED");
  t.deepEqual(await Promise.all(waiting), Array(5).fill("served"));
});

test("one function cannot keep the whole machine: another one gets an instance though it is never idle", async (t) => {
  const tiny = await openTestRuntime(t, { maxInstances: 1 });
  await tiny.deploy("modest", pid);
  await tiny.deploy("greedy", pid);
  await until("the proof of the second made the first leave", () => poolOf(tiny.runtime, "modest").idle === 0);
  let isOver = false;
  const callers = Array.from({ length: 6 }, async () => {
    while (!isOver) await tiny.text("greedy");
  });
  // Without fairness it would wait for ever.
  const modest = tiny.text("modest", { signal: AbortSignal.timeout(20_000) });
  t.regex(
    await modest.finally(() => {
      isOver = true;
    }),
    /^\d+$/,
  );
  await Promise.all(callers);
  t.true(tiny.live() <= 1);
});

test("draining answers those in flight and in line, refuses new ones, and leaves no instance", async (t) => {
  const ending = await openTestRuntime(t, {});
  await ending.deploy("ending", pid, { scaling: { max: 1 } });
  const upload = heldBody();
  const inFlight = ending.text("ending", { method: "POST", body: upload.body });
  const inLine = ending.text("ending");
  const drained = ending.runtime.drain(60_000);
  t.is(await codeOf(ending.text("ending")), "SHUTTING_DOWN");
  t.is(await codeOf(ending.deploy("late", pid)), "SHUTTING_DOWN");
  upload.end();
  t.is(await inFlight, await inLine);
  await drained;
  t.is(ending.live(), 0);
  await ending.runtime.close();
});

test("close ends what is left after the grace time, and callers are answered", async (t) => {
  const stuck = await openTestRuntime(t, {});
  await stuck.deploy("stuck", pid, { scaling: { max: 1 } });
  const inFlight = codeOf(stuck.text("stuck", { method: "POST", body: heldBody().body }));
  const inLine = codeOf(stuck.text("stuck"));
  await stuck.runtime.drain(20);
  await stuck.runtime.close();
  t.is(await inFlight, "FUNCTION_CRASHED");
  t.is(await inLine, "SHUTTING_DOWN");
  t.is(stuck.live(), 0);
});

test("2,000 invocations of three functions, one crashing: every caller gets exactly one answer, its own", async (t) => {
  const ends: InvocationEnd[] = [];
  const storm = await openTestRuntime(t, { maxInstances: 6, observer: { invocationEnded: (end) => ends.push(end) } });
  const echo = (name: string): string => `export default { async fetch(request) {
    const nonce = await request.text();
    if (nonce.endsWith("crash")) process.kill(process.pid, "SIGKILL");
    if (nonce.endsWith("throw")) throw new Error(nonce);
    return new Response(${JSON.stringify(name)} + " " + nonce);
  } };`;
  const names = ["one", "two", "three"];
  for (const name of names) await storm.deploy(name, echo(name), { concurrency: name === "two" ? 4 : 1 });

  let next = 0;
  const wrong: string[] = [];
  const outcomes = new Map<string, number>();
  const caller = async (): Promise<void> => {
    for (let id = next++; id < 2_000; id = next++) {
      const name = names[id % 3] ?? "one";
      const how = name === "three" && id % 17 === 0 ? "crash" : id % 11 === 0 ? "throw" : "answer";
      const { body, end } = heldBody();
      body.push(`${id} ${how}`);
      end();
      const outcome = await storm.call(name, { method: "POST", body }).then(
        async (answer) => ((await textOf(answer)) === `${name} ${id} ${how}` ? "ok" : "mixed up"),
        ({ code }) => String(code),
      );
      const wanted = { crash: "FUNCTION_CRASHED", throw: "FUNCTION_ERROR", answer: "ok" }[how];
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      if (outcome !== wanted) wrong.push(`${id} ${how}: ${outcome}`);
    }
  };
  await Promise.all(Array.from({ length: 50 }, caller));
  t.deepEqual(wrong, []);
  await until("every invocation is reported", () => ends.length === 2_000);
  for (const [outcome, count] of outcomes) t.is(ends.filter((end) => end.outcome === outcome).length, count);
  await storm.runtime.drain(60_000);
  t.is(storm.live(), 0);
});
