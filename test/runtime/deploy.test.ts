// Deploy, redeploy and removal through the whole runtime, with real instances.

import { existsSync } from "node:fs";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { TsfnError } from "../../runtime/errors.ts";
import { temporaryDirectory } from "../support/function-directory.ts";
import { heldBody, openTestRuntime, packageOf, type TestRuntime } from "../support/test-runtime.ts";
import { until } from "../support/until.ts";

let shared: TestRuntime;
const undo: (() => unknown)[] = [];

test.before(async () => {
  shared = await openTestRuntime({ teardown: (act) => undo.push(act) });
});

test.after.always(async () => {
  for (const act of undo.reverse()) await act();
});

const answering = (text: string): string => `export default { fetch: () => new Response(${JSON.stringify(text)}) };`;

test("a deployed function answers, and the version that proved it is warm for its first caller", async (t) => {
  const { version, unchanged, sizeBytes } = await shared.deploy("first", answering("hi"));
  t.is(version, 1);
  t.false(unchanged);
  t.true(sizeBytes > 0);
  const answer = await shared.call("first");
  t.is(answer.status, 200);
  t.is(answer.version, 1);
  t.false(answer.cold);
});

test("the same content and manifest again change nothing", async (t) => {
  const before = await shared.deploy("same", answering("hi"));
  const again = await shared.deploy("same", answering("hi"));
  t.true(again.unchanged);
  t.is(again.version, before.version);
  t.is(again.digest, before.digest);
  const changed = await shared.deploy("same", answering("hi"), { limits: { timeout: "7s" } });
  t.false(changed.unchanged);
  t.is(changed.digest, before.digest);
  t.is(changed.version, 2);
});

test("a module that throws while loading is refused with its reason, and the old version stays live", async (t) => {
  await shared.deploy("sturdy", answering("old"));
  const broken = 'throw new Error("no luck today");';
  const error = await t.throwsAsync(shared.deploy("sturdy", broken), { instanceOf: TsfnError });
  t.is(error?.code, "LOAD_FAILED");
  t.regex(error?.message ?? "", /no luck today/);
  t.is(await shared.text("sturdy"), "old");
  t.is(shared.runtime.current("sturdy")?.number, 1);
  t.is((await shared.deploy("sturdy", answering("new"))).version, 3);
  t.is(await shared.text("sturdy"), "new");
});

test("a first deploy that fails leaves no function", async (t) => {
  await t.throwsAsync(shared.deploy("never", "export default 3;"), { instanceOf: TsfnError });
  t.is(shared.runtime.current("never"), undefined);
  t.is(await shared.call("never").catch(({ code }) => code), "FUNCTION_NOT_FOUND");
  t.throws(() => shared.runtime.logs("never", { tail: 1, follow: false, signal: new AbortController().signal }));
});

test("a package deployed under another name than its own is refused", async (t) => {
  const upload = packageOf({ name: "other" }, answering("hi"));
  const error = await t.throwsAsync(shared.runtime.deploy("mine", upload), { instanceOf: TsfnError });
  t.is(error?.code, "PACKAGE_INVALID");
  t.regex(error?.message ?? "", /"other".*"mine"/);
});

test("an invocation in flight finishes on the old version while new ones get the new version", async (t) => {
  await shared.deploy("swapped", reading("old"));
  const upload = heldBody();
  const slow = shared.text("swapped", { method: "POST", body: upload.body });
  await shared.deploy("swapped", answering("new"));
  t.is(await shared.text("swapped"), "new");
  upload.end();
  t.is(await slow, "old");
  await until("the old instance is gone", () =>
    shared.runtime.snapshot().every((pool) => pool.function !== "swapped" || pool.retiring === 0),
  );
});

/** Answers once it has read the whole request. */
const reading = (text: string): string => `export default { async fetch(request) {
  await request.text();
  return new Response(${JSON.stringify(text)});
} };`;

test("those waiting in line move to the new version", async (t) => {
  await shared.deploy("moving", reading("old"), { scaling: { max: 1 } });
  const upload = heldBody();
  const slow = shared.text("moving", { method: "POST", body: upload.body });
  const waiting = Array.from({ length: 5 }, () => shared.text("moving"));
  await shared.deploy("moving", answering("new"), { scaling: { max: 1 } });
  t.deepEqual(await Promise.all(waiting), Array(5).fill("new"));
  upload.end();
  t.is(await slow, "old");
});

test("deploys of one name follow each other, each with its own number, and the highest is live", async (t) => {
  const results = await Promise.all(["a", "b", "c"].map((text) => shared.deploy("queue", answering(text))));
  t.deepEqual(results.map(({ version }) => version).sort(), [1, 2, 3]);
  t.is(shared.runtime.current("queue")?.number, 3);
});

test("a removed function is gone for callers, its numbers are not used again, its logs are gone", async (t) => {
  await shared.deploy("fleeting", answering("hi"));
  await shared.text("fleeting");
  await shared.runtime.remove("fleeting");
  t.is(await shared.call("fleeting").catch(({ code }) => code), "FUNCTION_NOT_FOUND");
  t.is(await shared.runtime.remove("fleeting").catch(({ code }) => code), "FUNCTION_NOT_FOUND");
  t.is((await shared.deploy("fleeting", answering("hi"))).version, 2);
});

test("a removed function still answers what was in flight", async (t) => {
  await shared.deploy("last-words", reading("bye"));
  const upload = heldBody();
  const inFlight = shared.text("last-words", { method: "POST", body: upload.body });
  await shared.runtime.remove("last-words");
  upload.end();
  t.is(await inFlight, "bye");
});

test("a removed function's log is gone after a crash, too, though an invocation was in flight", async (t) => {
  const first = await openTestRuntime(t);
  await first.deploy("haunted", `console.log("secret of the old owner"); ${reading("bye")}`);
  await first.deploy("kept", `console.log("still mine"); ${answering("hi")}`);
  const upload = heldBody();
  const inFlight = first.text("haunted", { method: "POST", body: upload.body });
  await until("both are logged", async () => {
    const logs = await Promise.all([linesOf(first, "haunted"), linesOf(first, "kept")]);
    return logs.every((lines) => lines.includes("platform.initReport"));
  });
  await first.runtime.remove("haunted");
  // What the disk holds when the process is killed now.
  const dataDir = temporaryDirectory(t);
  await cp(first.dataDir, dataDir, { recursive: true });
  upload.end();
  t.is(await inFlight, "bye");

  t.true(existsSync(join(dataDir, "logs", "haunted")));
  const second = await openTestRuntime(t, { dataDir });
  await second.deploy("haunted", answering("new owner"));
  t.false((await linesOf(second, "haunted")).includes("secret of the old owner"));
  t.true((await linesOf(second, "kept")).includes("still mine"));
});

async function linesOf({ runtime }: TestRuntime, name: string): Promise<string[]> {
  const lines: string[] = [];
  const { signal } = new AbortController();
  for await (const { msg } of runtime.logs(name, { tail: 1_000, follow: false, signal })) lines.push(msg);
  return lines;
}

test("restart makes the next call a cold start of the same version", async (t) => {
  await shared.deploy("restarted", answering("hi"));
  t.false((await shared.call("restarted")).cold);
  await shared.runtime.restart("restarted", { zygote: false });
  const answer = await shared.call("restarted");
  t.true(answer.cold);
  t.is(answer.version, 1);
  t.true(answer.timing.initMs > 0);
  t.false((await shared.call("restarted")).cold);
});

test("min instances are ready when the deploy is acknowledged", async (t) => {
  await shared.deploy("warm", answering("hi"), { scaling: { min: 3 } });
  const warm = shared.runtime.snapshot().find((pool) => pool.function === "warm");
  t.is(warm?.idle, 3);
  await shared.runtime.remove("warm");
});

test("functions deployed before a restart of the server answer after it", async (t) => {
  const first = await openTestRuntime(t);
  await first.deploy("kept", answering("still here"), { scaling: { min: 1 } });
  await first.runtime.close();
  t.is(first.live(), 0);
  const second = await openTestRuntime(t, { dataDir: first.dataDir });
  await until("min instances are started again", () => second.runtime.snapshot()[0]?.idle === 1);
  t.is(await second.text("kept"), "still here");
});
