// What invocations are reported to have used, and processes that hide what they wrote: real forks in real sandboxes.

import { setTimeout as pause } from "node:timers/promises";
import test from "ava";
import type { HiddenLayer } from "../../runtime/index.ts";
import type { LogRecord } from "../../runtime/logs/index.ts";
import { openTestRuntime, type TestRuntime } from "../support/test-runtime.ts";
import { until } from "../support/until.ts";
import { startWarden } from "../support/warden.ts";

interface Report {
  readonly durationMs: number;
  readonly cpuMs: number;
  readonly maxMemoryMb: number;
  readonly cold: boolean;
  readonly outcome: string;
}

async function records({ runtime }: TestRuntime, name: string): Promise<LogRecord[]> {
  const found: LogRecord[] = [];
  const options = { tail: 1_000, follow: false, signal: new AbortController().signal };
  for await (const record of runtime.logs(name, options)) found.push(record);
  return found;
}

const reports = async (within: TestRuntime, name: string): Promise<Report[]> =>
  (await records(within, name)).filter(({ msg }) => msg === "platform.invokeReport").map(({ data }) => data as never);

/** Works or allocates as it is told, and says how much cpu its process has used by its own count. */
const working = `let kept = [];
  export default { async fetch(request) {
    const { searchParams } = new URL(request.url);
    const begunAt = process.cpuUsage();
    const until = begunAt.user + begunAt.system + Number(searchParams.get("cpuMs") ?? 0) * 1_000;
    for (let now = 0; now < until; ) { const used = process.cpuUsage(); now = used.user + used.system; }
    kept.push(Buffer.alloc(Number(searchParams.get("mb") ?? 0) * 2 ** 20, 1));
    return new Response("done");
  } };`;

for (const prefork of ["function", "none"]) {
  test(`a report tells the cpu and memory that the control group counted, with prefork "${prefork}"`, async (t) => {
    const warden = await startWarden(t);
    const within = await openTestRuntime(t, { warden });
    await within.deploy("work", working, { prefork, limits: { memory: "256mb", timeout: "60s" } });
    const report = async (query: string): Promise<Report> => {
      const before = (await reports(within, "work")).length;
      await within.text("work", { url: `http://localhost/?${query}` });
      return await until("it is reported", async () => (await reports(within, "work"))[before]);
    };
    const idle = await report("");
    const busy = await report("cpuMs=200");
    t.true(busy.cpuMs >= 200, JSON.stringify(busy));
    t.true(idle.cpuMs > 0 && idle.cpuMs < busy.cpuMs, "the start's own cpu is not the first caller's");
    const large = await report("mb=64");
    t.true(large.maxMemoryMb >= busy.maxMemoryMb + 60, JSON.stringify({ busy, large }));
    t.true(large.maxMemoryMb <= 256);
    t.deepEqual([large.cold, large.outcome], [false, "ok"]);
  });
}

test("every invocation is reported once, also the last ones of a process that dies or is retired", async (t) => {
  const warden = await startWarden(t);
  const within = await openTestRuntime(t, { warden });
  const mortal = `export default { fetch(request) {
    if (request.url.endsWith("die")) process.exit(3);
    return new Response("ok");
  } };`;
  await within.deploy("mortal", mortal, { scaling: { max: 1 } });
  for (let call = 0; call < 5; call += 1) await within.text("mortal");
  await t.throwsAsync(within.text("mortal", { url: "http://localhost/die" }), { code: "FUNCTION_CRASHED" });
  await within.text("mortal");
  await within.runtime.restart("mortal", { zygote: false });
  const found = await until("all are reported", async () => {
    const all = await reports(within, "mortal");
    return all.length >= 7 && all;
  });
  t.deepEqual(found.map(({ outcome }) => outcome).sort(), ["FUNCTION_CRASHED", ...Array(6).fill("ok")]);
  t.true(found.every(({ cpuMs, maxMemoryMb }) => cpuMs >= 0 && maxMemoryMb > 0));
});

/** Tells the guest's own check that what was written is clean: it runs in the same process, and its library is there for all. */
const lying = `import fs from "node:fs";
  const koffi = { exports: {} };
  process.dlopen(koffi, "/opt/tsfn/koffi.node");
  const renew = koffi.exports.load("/opt/tsfn/libtsfn.so").func("int tsfn_layer_renew()");
  export default { fetch(request) {
    if (request.url.endsWith("write")) {
      fs.writeFileSync("/tmp/hidden-" + Math.random(), "x");
      renew();
    }
    return new Response(process.env.TSFN_INSTANCE_ID + " " + fs.readdirSync("/tmp").length);
  } };`;

const late = `import { readdirSync, writeFileSync } from "node:fs";
  export default { fetch(request) {
    if (request.url.endsWith("write")) setTimeout(() => writeFileSync("/tmp/late-" + Math.random(), "x"), 50);
    return new Response(process.env.TSFN_INSTANCE_ID + " " + readdirSync("/tmp").length);
  } };`;

for (const [what, source] of [
  ["lies about its layer", lying],
  ["writes when its invocation is over", late],
] as const) {
  test(`a process that ${what} is found out and replaced, and an operator hears of it`, async (t) => {
    const warden = await startWarden(t);
    const hidden: HiddenLayer[] = [];
    const observer = { layerHidden: (event: HiddenLayer) => void hidden.push(event) };
    const within = await openTestRuntime(t, { warden, observer });
    await within.deploy("hider", source, { scaling: { max: 1 } });
    for (let call = 0; call < 3; call += 1) await within.text("hider");
    const [event] = await until("it is found out", async () => {
      // A write that comes while nobody looks any more is the next one's to find.
      await within.text("hider", { url: "http://localhost/write" });
      await pause(500);
      return hidden.length > 0 && hidden;
    });
    t.like(event, { function: "hider", version: 1 });
    t.true((event?.inodes ?? 0) >= 1);
    await until("another process answers from a clean layer", async () => {
      const [instance, files] = (await within.text("hider")).split(" ");
      return instance !== event?.instance && files === "0";
    });
    const told = await until("the log has it", async () =>
      (await records(within, "hider")).find(({ data }) => data?.inodes === event?.inodes),
    );
    t.like(told, { stream: "platform", level: "error", instance: event?.instance ?? "" });
  });
}

test("processes that write and say so, or wrote while loading, are trusted, also while they are always busy", async (t) => {
  const warden = await startWarden(t);
  const hidden: HiddenLayer[] = [];
  const within = await openTestRuntime(t, { warden, observer: { layerHidden: (event) => void hidden.push(event) } });
  const honest = `import { writeFileSync, unlinkSync, mkdirSync } from "node:fs";
    let count = 0;
    if (process.env.AT_LOAD) mkdirSync("/tmp/made/at/load", { recursive: true });
    export default { async fetch() {
      // Fewer calls than an instance may have layers.
      await new Promise((done) => setTimeout(done, 5));
      count += 1;
      if (count % 3 === 1) writeFileSync("/tmp/file-" + count, "x");
      if (count % 3 === 2) { writeFileSync("/tmp/gone", "x"); unlinkSync("/tmp/gone"); }
      return new Response(process.env.TSFN_INSTANCE_ID);
    } };`;
  const kinds = [
    ["forked", {}],
    ["late", { prefork: "runtime", env: { AT_LOAD: "1" } }],
    ["exec", { prefork: "none", env: { AT_LOAD: "1" } }],
  ] as const;
  for (const [name, manifest] of kinds) {
    await within.deploy(name, honest, { ...manifest, scaling: { max: 1 } });
    const begunAtMs = performance.now();
    const ids = new Set<string>();
    // Longer than a busy instance may go without being compared.
    while (performance.now() - begunAtMs < 2_500) ids.add(await within.text(name));
    t.is(ids.size, 1, name);
  }
  t.deepEqual(hidden, []);
});
