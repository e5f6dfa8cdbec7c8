// Functions that print what would harm somebody else: forged frames and records, terminal escapes, a gigabyte without an end, a
// million lines. Each record stays its own function's, the daemon stays small, and what was dropped is counted.

import { readFileSync, writeFileSync } from "node:fs";
import test from "ava";
import type { LogRecord } from "../../runtime/logs/index.ts";
import { functionDirectory, functionOf } from "../support/function-directory.ts";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/until.ts";

const growthBytes = 32 * 2 ** 20;

const source = `
import { writeSync } from "node:fs";

const park = new Int32Array(new SharedArrayBuffer(4));

/** To the descriptor itself, past what JavaScript's own streams are here. */
function raw(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) {
    try { at += writeSync(fd, bytes, at); }
    catch (error) { if ((error as { code?: string }).code !== "EAGAIN") throw error; Atomics.wait(park, 0, 0, 1); }
  }
}

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url);
    const count = Number(searchParams.get("count") ?? 1);
    if (pathname === "/endless") {
      const piece = Buffer.alloc(65_536, "x");
      for (let mib = 0; mib < count; mib += 1) for (let part = 0; part < 16; part += 1) raw(1, piece);
      raw(1, Buffer.from("\\n"));
    } else if (pathname === "/lines") {
      for (let done = 0; done < count; done += 1_000) {
        raw(1, Buffer.from(Array.from({ length: 1_000 }, (_, at) => "line " + (done + at) + "\\n").join("")));
      }
    } else if (pathname === "/console") {
      for (let done = 0; done < count; done += 1) console.log("console " + done);
    } else if (pathname === "/forge") {
      console.log(JSON.stringify({ function: "victim", version: 9, instance: "victim-1", requestId: "forged", stream: "platform", level: "error", seq: 1, ts: "1999-01-01T00:00:00.000Z", msg: "platform.invokeReport" }));
      raw(2, Buffer.from('{"function":"victim","msg":"from stderr"}\\n'));
      console.log("\\x1b]0;owned\\x07\\x1b[2J\\x1b[1;1Hcleared \\u202Ereversed \\x9b31m");
      console.log('{"deep":' + "[".repeat(30_000) + "]".repeat(30_000) + "}");
      console.log('{"__proto__":{"polluted":true},"msg":"proto"}');
    } else if (pathname === "/frame") {
      // An output frame of the protocol for another invocation's number, then bytes that are none.
      raw(3, Buffer.from([6, 0, 0, 0, 72, 99, 0, 0, 0, 0x80]));
      raw(3, Buffer.alloc(64, 0xff));
    }
    return new Response("printed");
  },
};
`;

async function recordsOf(server: Server, name: string, ...flags: string[]): Promise<LogRecord[]> {
  const { stdout } = await server.cli(["logs", name, "--json", "-n", "100000", ...flags]);
  return stdout.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as LogRecord]));
}

const statusBytes = (pid: number, field: string): number => {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(found?.[1]) * 1_024;
};

test("what a function prints is its own, whatever it looks like", async (t) => {
  const server = await startServer(t);
  await server.deploy(functionDirectory(t, { "tsfn.json": `{ "name": "noisy" }`, "index.ts": source }));
  await server.deploy(functionOf(t, { name: "victim" }, `console.log("genuine"); return new Response();`));
  await (await server.fetch("/function/victim")).text();
  t.is(await (await server.fetch("/function/noisy/forge", { headers: { "x-request-id": "mine" } })).text(), "printed");
  const records = await until("all of it is logged", async () => {
    const all = await recordsOf(server, "noisy");
    return all.some(({ msg }) => msg === "proto") && all.some(({ msg }) => msg === "from stderr") && all;
  });
  for (const { function: name, instance, seq, ts } of records) {
    t.is(name, "noisy");
    t.regex(instance, /^(noisy-1-[0-9a-f]+|)$/);
    t.true(seq > 0 && ts > "2020");
  }
  const forged = records.find(({ data }) => data?.requestId === "forged");
  t.like(forged, { stream: "stdout", level: "info", requestId: "mine", version: 1 });
  // Past JavaScript it comes beside the frames, maybe when its invocation is over.
  t.is(records.find(({ msg }) => msg === "from stderr")?.stream, "stderr");
  t.is(records.find(({ msg }) => msg.startsWith('{"deep":'))?.data, undefined);
  t.true(records.some(({ msg }) => msg === "proto"));

  const victims = await recordsOf(server, "victim");
  t.true(victims.every(({ function: name }) => name === "victim"));
  t.deepEqual(
    victims.filter(({ stream }) => stream !== "platform").map(({ msg }) => msg),
    ["genuine"],
  );

  const { stdout } = await server.cli(["logs", "noisy"]);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none is the point
  t.notRegex(stdout, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/);
  t.regex(stdout, /\\x1b\]0;owned\\x07/);

  const broken = await server.fetch("/function/noisy/frame");
  t.true([200, 502].includes(broken.status), await broken.text());
  await until("the process that broke the protocol is told of", async () =>
    (await recordsOf(server, "noisy", "--level", "error")).some(({ msg }) => /broke the protocol/.test(msg)),
  );
  t.is(await (await server.fetch("/function/noisy")).text(), "printed", "another instance answers");
  t.is((await recordsOf(server, "victim")).length, victims.length);
});

test("a gigabyte without a newline and a million lines leave the daemon small, and a count of what was dropped", async (t) => {
  const server = await startServer(t);
  const manifest = { name: "noisy", limits: { timeout: "10m", memory: "256mb" }, scaling: { max: 1 } };
  await server.deploy(functionDirectory(t, { "tsfn.json": JSON.stringify(manifest), "index.ts": source }));
  const print = async (what: string, count: number) =>
    t.is(await (await server.fetch(`/function/noisy/${what}?count=${count}`)).text(), "printed", what);
  // What the heap of a daemon in use comes to, whatever it works at.
  for (let round = 0; round < 2; round += 1) {
    await print("endless", 512);
    await print("lines", 500_000);
    await print("console", 20_000);
  }
  await recordsOf(server, "noisy", "-n", "10");

  const { pid } = server.info();
  const before = statusBytes(pid, "VmRSS");
  // proc(5): 5 resets the peak.
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
  await print("endless", 1_024);
  await print("lines", 1_000_000);
  await print("console", 100_000);
  const grown = statusBytes(pid, "VmHWM") - before;
  t.log(`the daemon grew by ${Math.round(grown / 2 ** 20)} MiB`);
  t.true(grown < growthBytes, `it grew by ${Math.round(grown / 2 ** 20)} MiB`);

  const records = await recordsOf(server, "noisy");
  t.true(records.every(({ function: name }) => name === "noisy"));
  const dropped = records.filter(({ msg }) => msg === "platform.logsDropped");
  t.true(dropped.length > 0);
  t.true(dropped.every(({ stream, data }) => stream === "platform" && Number(data?.count) > 0));
  t.true(records.every(({ msg }) => msg.length <= 65_536));
});
