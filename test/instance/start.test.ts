// Starts that succeed and starts that fail: what the deployer is told, and that a failed one leaves nothing.

import test, { type ExecutionContext } from "ava";
import { TsfnError } from "../../runtime/errors.ts";
import {
  attemptStart,
  type ManifestChanges,
  startFunction,
  type Told,
  textOf,
  until,
} from "../support/live-function.ts";

test("a start reports what it spent, and the instance is ready and idle", async (t) => {
  const { instance, started } = await startFunction(t, `export default { fetch: () => new Response("x") };`);
  const { sandboxMs, processMs, loadMs } = await started.report;
  t.true(sandboxMs >= 0 && processMs > 0 && loadMs > 0);
  t.is(instance.state, "ready");
  t.is(instance.inFlight, 0);
});

test("an error while loading is LOAD_FAILED with the stack mapped to the source, as a problem and in the log", async (t) => {
  // index.ts: line 2, column 7. One segment maps the generated line 1 to it.
  const map = {
    version: 3,
    sources: ["index.ts"],
    sourcesContent: ["\nthrow new Error('at load');\n"],
    names: [],
    mappings: "AACM",
  };
  const files = {
    "index.mjs": `throw new Error("at load");\n//# sourceMappingURL=index.mjs.map\n`,
    "index.mjs.map": JSON.stringify(map),
  };
  const told = emptyTold();
  const error = await failedStart(t, files, told);
  t.is(error.code, "LOAD_FAILED");
  t.is(error.message, "Loading test@3 failed: Error: at load");
  const [problem] = error.fields.problems ?? [];
  t.is(problem?.file, "index.ts");
  t.is(problem?.line, 2);
  t.regex(problem?.message ?? "", /^Error: at load\n {4}at .*index\.ts:2:\d+/);
  t.true(told.lines.some(({ msg, requestId }) => msg.includes("index.ts:2") && requestId === undefined));
  t.deepEqual(told.events, [], "an instance that was never ready is not announced");
});

test("who deploys is told what a module printed last before it gave up", async (t) => {
  const error = await failedStart(t, `console.log("hello"); console.error("DB_URL is missing"); process.exit(1);`);
  t.is(error.code, "LOAD_FAILED");
  t.is(error.fields.problems?.at(-1)?.message, "its last words: DB_URL is missing");
  const silent = await failedStart(t, `console.log("hello"); process.exit(1);`);
  t.false(silent.fields.problems?.some(({ message }) => message.includes("last words")));
});

const refused: Readonly<Record<string, readonly [string, RegExp]>> = {
  "no export": ["export {};", /exports nothing and does not listen on PORT[\s\S]*export default \{ fetch/],
  "other exports": ["export const a = 1, b = 2;", /exports a, b; wanted/],
  "a fetch that cannot be called": [
    "export default { fetch: 5 };",
    /exports default, but the fetch of its default is a number; wanted/,
  ],
  "a handler that cannot be called": [
    "export const handler = {};",
    /exports handler, but its handler is an object; wanted/,
  ],
  "a bare default function": [
    "export default function f() {}",
    /export default \{ fetch: handler \}[\s\S]*"handler": "node"/,
  ],
  "a Lambda handler with a callback": ["export const handler = (a, b, c) => {};", /callbacks are gone/],
  "a missing import": [`import "./not-there.mjs";`, /Cannot find module/],
  "a thrown string": [`throw "only text";`, /a value that is no Error: "only text"/],
  "an exit": ["process.exit(3);", /exited with code 3 while loading/],
  "an uncaught error": [
    `setTimeout(() => { throw new Error("too early"); }); await new Promise((r) => setTimeout(r, 60_000));`,
    /^Loading test@3 failed: Error: too early$/,
  ],
  "a crash": [
    `process.kill(process.pid, "SIGSEGV"); await new Promise(() => {});`,
    /was ended by SIGSEGV while loading/,
  ],
};

for (const [what, [source, message]] of Object.entries(refused)) {
  test(`a module with ${what} is LOAD_FAILED and says why`, async (t) => {
    const error = await failedStart(t, source);
    t.is(error.code, "LOAD_FAILED");
    t.regex(error.message, message);
  });
}

test("a module that never lets go of the thread is LOAD_FAILED after the time for it", async (t) => {
  const error = await failedStart(t, "for (;;);", emptyTold(), {}, 500);
  t.is(error.code, "LOAD_FAILED");
  t.regex(error.message, /did not finish within 500 ms: its code does not let go of the thread/);
});

test("a module that waits too long is LOAD_FAILED after the time for it, with what keeps it", async (t) => {
  const error = await failedStart(t, "await new Promise((r) => setTimeout(r, 60_000));", emptyTold(), {}, 3_000);
  t.is(error.code, "LOAD_FAILED");
  t.regex(error.message, /did not finish within 3000 ms; what keeps it: a running timer$/);
});

test("an await that nothing can settle is LOAD_FAILED at once, whatever the time for loading", async (t) => {
  const error = await failedStart(t, "setTimeout(() => {}, 60_000).unref();\nawait new Promise(() => {});");
  t.is(error.code, "LOAD_FAILED");
  t.regex(error.message, /a top-level await never settles/);
});

test("what the function's own listeners take care of is no failure", async (t) => {
  const { call } = await startFunction(
    t,
    `let heard = "";
     process.on("uncaughtException", ({ message }) => { heard += message; });
     process.on("unhandledRejection", ({ message }) => { heard += message; });
     Promise.reject(new Error("rejected "));
     setImmediate(() => { throw new Error("thrown"); });
     export const GET = () => new Response(heard);`,
  );
  t.is(await textOf(await call()), "rejected thrown");
});

test("an uncaught error after loading is a crash", async (t) => {
  const live = await startFunction(
    t,
    `setTimeout(() => { throw new Error("later"); }, 100); export const GET = () => new Response();`,
  );
  await until(() => live.events.includes("gone"));
  t.deepEqual(live.events, ["unusable", "gone"]);
  t.true(live.lines.some(({ stream, msg }) => stream === "stderr" && msg.startsWith("Error: later")));
  t.true(live.lines.some(({ stream, msg }) => stream === "platform" && msg.endsWith("exited with code 1")));
});

test("a module that fills its heap while loading is FUNCTION_OOM", async (t) => {
  const hog = "const all = []; for (;;) all.push(new Array(1000).fill(Math.random()));";
  const error = await failedStart(t, hog, emptyTold(), { limits: { memoryBytes: 64 * 2 ** 20 } });
  t.is(error.code, "FUNCTION_OOM");
});

test("a process killed from outside while loading is STARTUP_FAILED, for the function is not to blame", async (t) => {
  const error = await failedStart(t, `process.kill(process.pid, "SIGKILL"); await new Promise(() => {});`);
  t.is(error.code, "STARTUP_FAILED");
});

test("top-level await is awaited", async (t) => {
  const { call } = await startFunction(
    t,
    `const text = await new Promise((r) => setTimeout(r, 30, "awaited")); export const GET = () => new Response(text);`,
  );
  t.is(await textOf(await call()), "awaited");
});

test("retire() lets the invocation in flight finish, takes no more, and ends", async (t) => {
  const live = await startFunction(
    t,
    `process.on("exit", (code) => console.log("goodbye " + code));
     export default { async fetch() { await new Promise((r) => setTimeout(r, 100)); return new Response("done"); } };`,
  );
  const answer = live.call();
  const retired = live.instance.retire();
  t.is(live.instance.state, "retiring");
  t.deepEqual(live.events, ["unusable"]);
  t.is(await textOf(await answer), "done");
  await retired;
  t.is(live.instance.state, "dead");
  t.deepEqual(live.events, ["unusable", "settled", "gone"]);
  t.true(live.lines.some(({ msg }) => msg === "goodbye 0"));
  t.is(live.instance.served, 1);
});

test("a process that does not exit when it is retired is killed", async (t) => {
  const live = await startFunction(
    t,
    `process.on("exit", () => { for (;;); }); export const GET = () => new Response();`,
  );
  await live.instance.retire();
  t.is(live.instance.state, "dead");
});

test(`with reuse "never" an instance retires after its first invocation`, async (t) => {
  const live = await startFunction(t, `export const GET = () => new Response("once");`, { reuse: "never" });
  t.is(await textOf(await live.call()), "once");
  await live.instance.retire();
  t.deepEqual(live.events, ["unusable", "settled", "gone"]);
});

test("an idle process that dies is announced, and its end is in the log", async (t) => {
  const live = await startFunction(
    t,
    `setTimeout(() => process.exit(5), 50); export const GET = () => new Response();`,
  );
  await live.instance.sandbox.destroy();
  await live.instance.retire();
  t.deepEqual(live.events, ["unusable", "gone"]);
});

function emptyTold(): Told {
  return { lines: [], reports: [], events: [] };
}

async function failedStart(
  t: ExecutionContext,
  source: string | Readonly<Record<string, string>>,
  told = emptyTold(),
  changes: ManifestChanges = {},
  startTimeoutMs = 30_000,
): Promise<TsfnError> {
  const start = attemptStart(t, source, changes, startTimeoutMs, told);
  const error = await t.throwsAsync<TsfnError>(start, { instanceOf: TsfnError });
  if (error === undefined) throw new Error("the start did not fail");
  return error;
}
