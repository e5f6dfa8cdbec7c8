// Functions started by forking a process that has loaded them, in real sandboxes: what answers, what falls back, and what a
// clone is.

import { Readable } from "node:stream";
import test from "ava";
import { TsfnError } from "../../runtime/errors.ts";
import type { Sandbox, SandboxSpec } from "../../runtime/sandbox/index.ts";
import { openTestRuntime } from "../support/test-runtime.ts";
import { until } from "../support/until.ts";
import { startWarden } from "../support/warden.ts";

const handler = (body: string) => `export default { async fetch(request) { ${body} } };`;

async function open(t: Parameters<typeof startWarden>[0], options = {}) {
  const faults: string[] = [];
  const starts: { readonly mode: string }[] = [];
  const warden = await startWarden(t);
  const observer = {
    fault: (error: Error) => faults.push(error.message),
    instanceStarted: (event: { readonly mode: string }) => starts.push(event),
  };
  return { ...(await openTestRuntime(t, { warden, observer, ...options })), warden, faults, starts };
}

test("a version is loaded once, and every instance is a fork of it", async (t) => {
  const { deploy, text, runtime, starts, faults } = await open(t);
  const source = `const loaded = Math.random(); ${handler("return Response.json([loaded, process.pid, process.ppid])")}`;
  const { prefork: start } = await deploy("hello", source);
  t.deepEqual(start, { wanted: "function", mode: "function", reason: null });
  const first = await text("hello");
  await runtime.restart("hello", { zygote: false });
  t.is(await text("hello"), first, "the same module, in another process");
  t.deepEqual(JSON.parse(first).slice(1), [1, 0]);
  t.deepEqual(
    starts.map(({ mode }) => mode),
    ["function", "function"],
  );
  t.deepEqual(faults, []);
});

/** A runtime of whose clones is known which were learnt from. */
async function openStudied(t: Parameters<typeof startWarden>[0]) {
  const warden = await startWarden(t);
  const lessons: Promise<void>[] = [];
  const create = async (spec: SandboxSpec): Promise<Sandbox> => {
    const sandbox = await warden.sandboxes.create(spec);
    const shareWorkingSet = sandbox.shareWorkingSet.bind(sandbox);
    return Object.assign(sandbox, {
      shareWorkingSet: () => {
        const lesson = shareWorkingSet();
        lessons.push(lesson);
        return lesson;
      },
    });
  };
  const sandboxes = { ...warden.sandboxes, create };
  return { ...(await openTestRuntime(t, { warden: { ...warden, sandboxes } })), lessons };
}

test("what a clone needed for its answer is known to the next ones before a long answer is over", async (t) => {
  const { deploy, call, lessons } = await openStudied(t);
  const stream = "new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array([42])) })";
  await deploy("events", handler(`return new Response(${stream})`));
  t.is(lessons.length, 0, "nothing has been called");
  const { body } = await call("events");
  t.is(lessons.length, 1);
  await t.notThrowsAsync(Promise.all(lessons));
  if (body instanceof Readable) body.destroy();
});

test("an instance for one invocation teaches what it needed before it goes", async (t) => {
  const { deploy, text, lessons } = await openStudied(t);
  await deploy("once", handler(`return new Response("once")`), { reuse: "never" });
  for (let call = 0; call < 2; call++) t.is(await text("once"), "once");
  t.is(lessons.length, 2);
  await t.notThrowsAsync(Promise.all(lessons));
});

test("a clone begins with an empty young generation, whatever loading left in it", async (t) => {
  const warden = await startWarden(t);
  const { deploy, text } = await openTestRuntime(t, { warden });
  const used = `v8.getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space").space_used_size`;
  for (const objects of [0, 15_000]) {
    const garbage = `import v8 from "node:v8"; Array.from({ length: ${objects} }, (_, at) => ({ at }));`;
    await deploy("hello", `${garbage} ${handler(`return Response.json(${used})`)}`);
    // Not emptied it has 100 KB and more.
    t.true(Number(await text("hello")) < 50_000);
  }
});

const behaviours: Readonly<Record<string, readonly [source: string, reason: RegExp | null]>> = {
  "a listening socket": [`import net from "node:net"; net.createServer().listen(0);`, /listening socket/],
  "a timer that fires later": ["setTimeout(() => {}, 3_600_000);", /running timer/],
  "an interval that keeps nothing alive": ["setInterval(() => {}, 3_600_000).unref();", null],
  "a worker": [
    `import { Worker } from "node:worker_threads"; new Worker("setInterval(() => {}, 1000)", { eval: true });`,
    /thread|worker/,
  ],
  "a child process": [
    `import { spawn } from "node:child_process"; spawn("/usr/local/bin/node", ["-e", "setInterval(() => {}, 1000)"]);`,
    /child/,
  ],
  "an open file": [`import { openSync } from "node:fs"; openSync("/etc/passwd", "r");`, /open file/],
  "a file that it wrote": [
    `import { writeFileSync } from "node:fs"; writeFileSync("/tmp/cache", "x");`,
    /files it wrote/,
  ],
  "top-level await": ["await new Promise((resolve) => setTimeout(resolve, 20));", null],
  WebAssembly: ["new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));", null],
  "work in the thread pool": [`import { readFile } from "node:fs/promises"; await readFile("/etc/passwd");`, null],
  "a signal handler": [`process.on("SIGTERM", () => {});`, null],
};

test("a version that leaves something open while loading is forked before it is loaded, and says why", async (t) => {
  const { deploy, text, runtime } = await open(t);
  for (const [what, [source, reason]] of Object.entries(behaviours)) {
    for (const prefork of ["function", "runtime", "none"] as const) {
      const { prefork: start } = await deploy("varied", `${source}\n${handler(`return new Response("answered")`)}`, {
        prefork,
      });
      const isExpected = reason === null || prefork !== "function";
      t.is(start.mode, isExpected ? prefork : "runtime", `${what} with ${prefork}: ${start.reason}`);
      if (!isExpected) t.regex(start.reason ?? "", reason, what);
      t.deepEqual((await runtime.inspect("varied")).prefork, start);
      t.is(await text("varied"), "answered", `${what} with ${prefork}`);
    }
  }
});

test("a module that throws while loading fails its deploy with the mapped stack, forked or not", async (t) => {
  const { deploy, faults } = await open(t);
  for (const prefork of ["function", "runtime", "none"]) {
    const error = await t.throwsAsync(deploy("broken", "\nthrow new Error(`boom`);", { prefork }), {
      code: "LOAD_FAILED",
    });
    t.regex(error?.message ?? "", /boom/);
  }
  t.deepEqual(faults, []);
});

test("what a clone draws at random is its own", async (t) => {
  const { deploy, text, runtime } = await open(t);
  const draw =
    "{ m: Math.random(), k: kept(), u: crypto.randomUUID(), w: globalThis.crypto.randomUUID(), i: crypto.randomInt(2 ** 47)";
  const more = `, g: crypto.getRandomValues(new Uint32Array(2)).join(), v: vm.runInNewContext("Math.random()"), o: vm.runInContext("Math.random()", old), t: await inWorker() }`;
  const source = `
    import vm from "node:vm"; import crypto, { randomUUID } from "node:crypto"; import { Worker } from "node:worker_threads";
    const kept = Math.random; kept(); randomUUID(); globalThis.crypto.randomUUID(); crypto.randomInt(9);
    const old = vm.createContext({}); vm.runInContext("Math.random()", old);
    const inWorker = () => new Promise((resolve, reject) => new Worker(
      "require('node:worker_threads').parentPort.postMessage(Math.random())", { eval: true }).once("message", resolve).once("error", reject));
    ${handler(`return Response.json(${draw}${more})`)}`;
  await deploy("dice", source, { limits: { memory: "256mb" } });
  const seen = new Map<string, Set<unknown>>();
  const clones = 12;
  for (let clone = 0; clone < clones; clone += 1) {
    for (const [name, value] of Object.entries(JSON.parse(await text("dice")))) {
      seen.set(name, (seen.get(name) ?? new Set()).add(value));
    }
    await runtime.restart("dice", { zygote: false });
  }
  for (const [name, values] of seen) t.is(values.size, clones, `a repeated ${name}`);
});

test("a clone's clocks begin with it, and onFork's hooks have run before its first invocation", async (t) => {
  const { deploy, text, runtime } = await open(t);
  const hooks = `const calls = []; const onFork = globalThis[Symbol.for("tsfn.onFork")];
    onFork(() => calls.push("first")); onFork(async () => { await null; calls.push("second"); });`;
  await deploy(
    "hooked",
    `${hooks} ${handler("return Response.json({ calls, age: performance.now(), lag: Date.now() - performance.timeOrigin })")}`,
  );
  await runtime.restart("hooked", { zygote: false });
  const { calls, age, lag } = JSON.parse(await text("hooked"));
  t.deepEqual(calls, ["first", "second"]);
  t.true(Math.abs(age - lag) < 50, `${age} ms by one clock, ${lag} ms by the other`);
});

test("a caller that leaves with its large body while the clone's hooks run ends nothing but its call", async (t) => {
  const { deploy, text, runtime } = await open(t);
  const hook = `globalThis[Symbol.for("tsfn.onFork")](() => new Promise((resolve) => setTimeout(resolve, 300)));`;
  await deploy("slow", `${hook} ${handler("return new Response(String(process.pid) + performance.timeOrigin)")}`);
  await runtime.restart("slow", { zygote: false });
  const leaving = new AbortController();
  const body = Readable.from([Buffer.alloc(400_000)], { objectMode: false });
  const left = text("slow", { method: "POST", body, signal: leaving.signal });
  await until("its body is on its way", () => body.readableEnded || body.readableDidRead);
  leaving.abort(new TsfnError("CLIENT_CLOSED", "it left"));
  await t.throwsAsync(left, { code: "CLIENT_CLOSED" });
  const { length } = await text("slow");
  t.true(length > 0);
  const log = runtime.logs("slow", { tail: 100, follow: false, signal: new AbortController().signal });
  for await (const { msg } of log) t.notRegex(msg, /broke the protocol/);
});

test("a clone has its own id in the environment, and what the module put there while loading", async (t) => {
  const { deploy, text } = await open(t);
  const source = `process.env.LOADED = "once"; delete process.env.LANG; const before = process.env.TSFN_INSTANCE_ID;
    export default { fetch: (request, env) => Response.json({ before: String(before), loaded: process.env.LOADED,
      lang: String(process.env.LANG), ids: [env.TSFN_INSTANCE_ID, process.env.TSFN_INSTANCE_ID] }) };`;
  await deploy("env", source);
  const { ids, ...rest } = JSON.parse(await text("env"));
  t.deepEqual(rest, { before: "undefined", loaded: "once", lang: "undefined" });
  t.regex(ids[0], /^env-1-[0-9a-f]{8}$/);
  t.is(ids[1], ids[0]);
});

test("a clone ends as any process does", async (t) => {
  const { deploy, call, text, runtime } = await open(t);
  const body = `const { searchParams } = new URL(request.url); const how = searchParams.get("how");
    if (how === "exit") process.exit(3); if (how === "throw") { setTimeout(() => { throw new Error("late") }); await new Promise(() => {}); }
    if (how === "abort") process.kill(process.pid, "SIGKILL") && process.abort(); return new Response("alive");`;
  await deploy("mortal", handler(body));
  for (const how of ["exit", "throw", "abort"]) {
    await t.throwsAsync(call("mortal", { url: `http://localhost/?how=${how}` }), { code: "FUNCTION_CRASHED" }, how);
    t.is(await text("mortal"), "alive", `after ${how}`);
  }
  // A sandbox is taken down, and its end written down, after the answer has left; in any order.
  const ends = async () => {
    const messages: string[] = [];
    const records = runtime.logs("mortal", { tail: 100, follow: false, signal: new AbortController().signal });
    for await (const { stream, level, msg } of records)
      if (stream === "platform" && level === "error") messages.push(msg);
    return messages;
  };
  const messages = await until("all three ends are in the log", async () => {
    const written = await ends();
    return written.length >= 3 && written;
  });
  for (const status of ["code 3", "code 1"])
    t.true(
      messages.some((message) => message.endsWith(`exited with ${status}`)),
      messages.join("\n"),
    );
});
