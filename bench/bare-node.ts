// The peer of every scenario: plain Node processes that serve the bundle of functions/hello, without isolation.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { now } from "../runtime/trace.ts";
import { type CpuMeter, createCpuMeter } from "./cpu-meter.ts";
import { getFirstByte, requireStatus } from "./first-byte.ts";
import { writeBundle } from "./peers/bundle.ts";
import { makePlace } from "./place.ts";

export interface BareNodes {
  readonly meter: CpuMeter;
  spawn(): BareNode;
}

export interface BareNode {
  readonly pid: number;
  readonly spawnedAtMs: number;
  /** Resolves when it has answered its first request. @param onFirstByte as getFirstByte's */
  firstByte(onFirstByte?: () => void): Promise<{ readonly firstByteAtMs: number }>;
  end(): Promise<void>;
}

/** @param directory of the function to serve */
export async function prepareBareNodes(owner: AsyncDisposableStack, directory: string): Promise<BareNodes> {
  const path = join(makePlace(owner), "index.mjs");
  await writeBundle(directory, path);
  const meter = createCpuMeter("bare");
  owner.defer(() => meter.remove());
  return { meter, spawn: () => spawnOne(meter, path) };
}

function spawnOne(meter: CpuMeter, bundlePath: string): BareNode {
  const program = join(import.meta.dirname, "bare-node.js");
  const [child, spawnedAtMs] = meter.within(() => {
    const startedAtMs = now();
    return [
      spawn(process.execPath, [program, bundlePath], { stdio: ["ignore", "pipe", "inherit"] }),
      startedAtMs,
    ] as const;
  });
  if (child.pid === undefined) throw new Error(`${process.execPath} did not start`);
  const exited = once(child, "exit");
  return {
    pid: child.pid,
    spawnedAtMs,
    async firstByte(onFirstByte = () => undefined) {
      const answer = await getFirstByte(await readPort(child), "/", onFirstByte);
      requireStatus(answer);
      return answer;
    },
    async end() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

async function readPort(child: ChildProcess): Promise<number> {
  if (child.stdout === null) throw new Error("the bare node has no stdout");
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return Number(line.toString());
}
