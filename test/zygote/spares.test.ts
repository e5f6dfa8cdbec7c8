// Zygotes made ahead, of no version yet: whose they become, what the code that they load can tell, and what becomes of those
// that nobody takes.

import { join } from "node:path";
import test from "ava";
import { held, holdsNoMore } from "../support/held.ts";
import { entriesOf, listProcesses, type ProcessEntry } from "../support/processes.ts";
import { openTestRuntime } from "../support/test-runtime.ts";
import { until } from "../support/until.ts";
import { startWarden, type TestWarden } from "../support/warden.ts";

const hello = `export default { fetch: () => new Response("hello") };`;

/** Clones have the same command line, and pause for a parent. */
function zygotesOf(warden: TestWarden): ProcessEntry[] {
  return listProcesses().filter(
    ({ parent, commandLine }) => parent === warden.pid && commandLine.includes("zygote.mjs"),
  );
}

function spareOf(warden: TestWarden, besides: readonly number[] = []): Promise<number> {
  return until("there is a spare zygote", () => zygotesOf(warden).find(({ pid }) => !besides.includes(pid))?.pid);
}

async function open(t: Parameters<typeof startWarden>[0], options = {}) {
  const faults: string[] = [];
  const warden = await startWarden(t);
  const observer = { fault: (error: Error) => faults.push(error.message) };
  return { ...(await openTestRuntime(t, { warden, observer, zygotesReady: 1, ...options })), warden, faults };
}

test("a version's zygote is one that was there before the version, and another is made for the next", async (t) => {
  const { deploy, text, warden, faults } = await open(t);
  const first = await spareOf(warden);
  const { prefork } = await deploy("hello", hello);
  t.deepEqual(prefork, { wanted: "function", mode: "function", reason: null });
  t.is(await text("hello"), "hello");
  const second = await spareOf(warden, [first]);
  await deploy("other", hello, { prefork: "runtime" });
  t.is(await text("other"), "hello");
  const third = await spareOf(warden, [first, second]);
  t.deepEqual(
    zygotesOf(warden)
      .map(({ pid }) => pid)
      .sort(),
    [first, second, third].sort(),
  );
  t.deepEqual(faults, []);
});

const teller = `
  import fs from "node:fs"; import os from "node:os";
  const list = (path) => fs.readdirSync(path).sort();
  const told = {
    home: process.cwd(), here: list("."), root: list("/"), app: list("/app"), tmp: list("/tmp"), asset: fs.readFileSync("asset.txt", "utf8"),
    host: os.hostname(), memory: os.totalmem(), cpus: os.cpus().length, argv: process.argv, env: { ...process.env }, pid: process.pid,
    free: fs.statfsSync("/").ffree, blocks: fs.statfsSync("/").blocks, mounts: fs.readFileSync("/proc/self/mountinfo", "utf8").split("\\n")
      .map((line) => line.split(" ").slice(4, 6).join(" ")).sort(), files: list("/proc/self/fd").length,
  };
  export default { fetch: () => Response.json(told) };`;

test("code that is loaded cannot tell whether its zygote was made ahead", async (t) => {
  const told: unknown[] = [];
  for (const zygotesReady of [0, 1]) {
    const { deploy, text, warden } = await open(t, { zygotesReady });
    if (zygotesReady > 0) await spareOf(warden);
    const manifest = { env: { GREETING: "hi" }, limits: { disk: "3mb", pids: 100, cpus: 2 } };
    await deploy("teller", teller, manifest, { "asset.txt": "of this version" });
    told.push(JSON.parse(await text("teller")));
  }
  t.deepEqual(told[0], told[1]);
  t.like(told[1], { home: "/app", host: "teller", asset: "of this version", cpus: 2 });
});

test("a version that does not load takes its zygote along, and the next one is loaded", async (t) => {
  const { deploy, text, warden, faults } = await open(t);
  const first = await spareOf(warden);
  await t.throwsAsync(deploy("hello", "throw new Error(`boom`);"), { code: "LOAD_FAILED", message: /boom/ });
  await until("its zygote is gone", () => zygotesOf(warden).every(({ pid }) => pid !== first));
  await spareOf(warden);
  await deploy("hello", hello);
  t.is(await text("hello"), "hello");
  t.deepEqual(faults, []);
});

test("a spare zygote that was killed is nobody's, and leaves nothing", async (t) => {
  const { deploy, text, warden } = await open(t, { sandboxesReady: 0 });
  const before = await held(warden);
  const first = await spareOf(warden);
  process.kill(first, "SIGKILL");
  await holdsNoMore(t, warden, before);
  await deploy("hello", hello);
  t.is(await text("hello"), "hello");
});

test("a deploy whose spare zygote dies with it has another", async (t) => {
  const { deploy, text, warden } = await open(t);
  const first = await spareOf(warden);
  process.kill(first, "SIGKILL");
  await deploy("hello", hello);
  t.is(await text("hello"), "hello");
});

test("a deploy whose spare zygote is killed while it loads has another", async (t) => {
  const { deploy, text, warden } = await open(t);
  const first = await spareOf(warden);
  const deployed = deploy("slow", `await new Promise((resolve) => setTimeout(resolve, 500));\n${hello}`);
  await until("it loads the version", () => entriesOf(join("/proc", String(first), "root", "app")).length > 0);
  process.kill(first, "SIGKILL");
  await deployed;
  t.is(await text("slow"), "hello");
});

test("a version of another size has a zygote of its own size, as the next spare one is", async (t) => {
  const { deploy, text, warden } = await open(t);
  const first = await spareOf(warden);
  await deploy("large", hello, { limits: { memory: "256mb" } });
  t.is(await text("large"), "hello");
  await until("the small one has gone", () => zygotesOf(warden).every(({ pid }) => pid !== first));
  const next = await until("there are two large ones", () => {
    const sizes = zygotesOf(warden).map(({ commandLine }) => /max-old-space-size=(\d+)/.exec(commandLine)?.[1]);
    return sizes.length === 2 ? sizes : undefined;
  });
  t.deepEqual(next, ["216", "216"]);
});

test("a version for another Node has a zygote of its own Node, as the next spare one is", async (t) => {
  const { deploy, text, warden } = await open(t);
  const first = await spareOf(warden);
  await deploy("older", "export default { fetch: () => new Response(process.version) };", { runtime: "node24" });
  t.regex(await text("older"), /^v24\./);
  await until("that of the usual Node has gone", () => zygotesOf(warden).every(({ pid }) => pid !== first));
  const next = await spareOf(warden, [first, ...zygotesOf(warden).map(({ pid }) => pid)].slice(0, 2));
  await deploy("other", "export default { fetch: () => new Response(process.version) };", { runtime: "node24" });
  t.regex(await text("other"), /^v24\./);
  t.true(
    zygotesOf(warden).some(({ pid }) => pid === next),
    "it was taken",
  );
});

test("no zygote is made ahead where those of versions have no memory left for it", async (t) => {
  const { deploy, text, warden } = await open(t, { zygoteMemoryBytes: 60 * 2 ** 20 });
  const first = await spareOf(warden);
  await deploy("hello", hello);
  t.is(await text("hello"), "hello");
  await deploy("other", hello);
  t.is(await text("other"), "hello");
  t.true(zygotesOf(warden).length <= 2, "two of versions, one of them about to end");
  t.true(first > 0);
});

test("a closed runtime leaves no spare zygote, also not one that is being made", async (t) => {
  for (const waits of [true, false]) {
    const warden = await startWarden(t);
    const before = await held(warden);
    const { runtime } = await openTestRuntime(t, { warden, zygotesReady: 2, sandboxesReady: 0 });
    if (waits) await until("there are two", () => zygotesOf(warden).length === 2);
    else await spareOf(warden);
    await runtime.close();
    await holdsNoMore(t, warden, before);
  }
});
