// Cold start by exec: last request byte → first response byte of hello, scaled to zero before each call, against a bare
// `node` that serves the same bundle, from its spawn. Both are measured in turn, in the same run.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bundleFunction, loadSource } from "../../runtime/catalog/index.ts";
import { now } from "../../runtime/trace.ts";
import { example } from "../../test/support/function-directory.ts";
import { type Server, startServer } from "../../test/support/server.ts";
import { until } from "../../test/support/until.ts";
import { type CpuMeter, createCpuMeter, readSandboxesUs } from "../cpu-meter.ts";
import { getFirstByte } from "../first-byte.ts";
import type { Report } from "../report.ts";
import type { ScenarioOptions } from "../run.ts";

interface Sample {
  readonly wallMs: number;
  readonly cpuMs: number;
}

const warmUpRounds = 3;

export async function runCold({ rounds }: ScenarioOptions): Promise<Report> {
  await using owner = new AsyncDisposableStack();
  const tsfn = await prepareTsfn(owner);
  const bare = await prepareBare(owner);
  const samples: { readonly tsfn: Sample; readonly bare: Sample }[] = [];
  for (let round = 0; round < warmUpRounds + rounds; round += 1) {
    // Who goes first changes, so that neither always finds the caches the other has warmed.
    const pair =
      round % 2 === 0 ? { tsfn: await tsfn(), bare: await bare() } : { bare: await bare(), tsfn: await tsfn() };
    if (round >= warmUpRounds) samples.push(pair);
  }
  const contender = (name: string, who: "tsfn" | "bare") => ({
    name,
    wallMs: samples.map((sample) => sample[who].wallMs),
    cpuMs: samples.map((sample) => sample[who].cpuMs),
  });
  return {
    title: `cold start of functions/hello, ${rounds} rounds, interleaved, ${warmUpRounds} before them dropped`,
    contenders: [contender("tsfn (exec)", "tsfn"), contender("bare node", "bare")],
    notes: [
      "tsfn: last request byte to first response byte, no instance and no sandbox made in advance;",
      "      cpu of warden, tsfnd and the sandbox until then.",
      "bare node: spawn to first response byte, same Node, same bundle, no isolation; cpu of its process until then.",
    ],
  };
}

async function prepareTsfn(owner: AsyncDisposableStack): Promise<() => Promise<Sample>> {
  const meter = createCpuMeter("server");
  owner.defer(() => meter.remove());
  const server = await meter.within(() =>
    startServer({ teardown: (action) => owner.defer(async () => void (await action())) }),
  );
  await server.deploy(example("hello"));
  const readUs = () => meter.read() + readSandboxesUs(server.dataDir);
  return async () => {
    await scaleToZero(server);
    const before = readUs();
    let after = before;
    const { sentAtMs, firstByteAtMs, head } = await getFirstByte(
      Number(new URL(server.url()).port),
      "/function/hello",
      () => {
        after = readUs();
      },
    );
    requireStatus(head);
    if (!/^x-tsfn-cold: 1$/im.test(head)) throw new Error(`a call that should have been cold was not:\n${head}`);
    return { wallMs: firstByteAtMs - sentAtMs, cpuMs: (after - before) / 1_000 };
  };
}

async function scaleToZero(server: Server): Promise<void> {
  const restart = request({
    socketPath: server.admin,
    path: "/v1/functions/hello/restart",
    method: "POST",
    agent: false,
  });
  restart.end();
  const [response] = await once(restart, "response");
  response.resume();
  await once(response, "end");
  await until("the instances are gone", async () => {
    const { instances } = await server.ask<{ instances: readonly unknown[] }>("/v1/instances");
    return instances.length === 0;
  });
}

async function prepareBare(owner: AsyncDisposableStack): Promise<() => Promise<Sample>> {
  const directory = mkdtempSync(join(tmpdir(), "tsfn-bench-"));
  owner.defer(() => rmSync(directory, { recursive: true }));
  const bundle = await bundleFunction(await loadSource(example("hello"), {}));
  const path = join(directory, "index.mjs");
  const entry = bundle.files.find((file) => file.path === "index.mjs");
  if (entry === undefined) throw new Error("the bundle of functions/hello has no index.mjs");
  writeFileSync(path, entry.content);
  const meter = createCpuMeter("bare");
  owner.defer(() => meter.remove());
  return () => measureBare(meter, path);
}

async function measureBare(meter: CpuMeter, bundlePath: string): Promise<Sample> {
  const program = join(import.meta.dirname, "../bare-node.js");
  const before = meter.read();
  let startedAtMs = 0;
  const child = meter.within(() => {
    startedAtMs = now();
    return spawn(process.execPath, [program, bundlePath], { stdio: ["ignore", "pipe", "inherit"] });
  });
  try {
    let after = before;
    const port = await readPort(child);
    const { firstByteAtMs, head } = await getFirstByte(port, "/", () => {
      after = meter.read();
    });
    requireStatus(head);
    return { wallMs: firstByteAtMs - startedAtMs, cpuMs: (after - before) / 1_000 };
  } finally {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
}

async function readPort(child: ChildProcess): Promise<number> {
  if (child.stdout === null) throw new Error("the bare node has no stdout");
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return Number(line.toString());
}

function requireStatus(head: string): void {
  if (!head.startsWith("HTTP/1.1 200 ")) throw new Error(`wanted an answer with status 200, got:\n${head}`);
}
