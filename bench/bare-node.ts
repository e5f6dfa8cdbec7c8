// The peer of every scenario: plain Node processes that serve the bundle of functions/hello, without isolation.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { now } from "../runtime/trace.ts";
import { type CpuMeter, createCpuMeter } from "./cpu-meter.ts";
import { getFirstByte, requireStatus } from "./first-byte.ts";
import type { ColdStart } from "./peers/peer.ts";
import { writeServed } from "./peers/served.ts";
import { makePlace } from "./place.ts";

export interface BareNodes {
  readonly meter: CpuMeter;
  spawn(): BareNode;
}

export interface BareNode extends ColdStart {
  readonly pid: number;
  /** Of 127.0.0.1; resolves when it listens. */
  port(): Promise<number>;
}

/** What still runs when `owner` ends, ends with it. @param directory of the function to serve */
export async function prepareBareNodes(owner: AsyncDisposableStack, directory: string): Promise<BareNodes> {
  const place = makePlace(owner);
  await writeServed(directory, place);
  const meter = createCpuMeter("bare");
  owner.defer(() => meter.remove());
  const running = new Set<BareNode>();
  owner.defer(async () => void (await Promise.all([...running].map((node) => node.end()))));
  return {
    meter,
    spawn() {
      const node = spawnOne(meter, place, () => running.delete(node));
      running.add(node);
      return node;
    },
  };
}

function spawnOne(meter: CpuMeter, place: string, onEnd: () => void): BareNode {
  const [program, bundle] = [join(place, "server.mjs"), join(place, "index.mjs")];
  const [child, spawnedAtMs] = meter.within(() => {
    const startedAtMs = now();
    return [spawn(process.execPath, [program, bundle], { stdio: ["ignore", "pipe", "inherit"] }), startedAtMs] as const;
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${process.execPath} did not start`);
  const exited = once(child, "exit");
  let listening: Promise<number> | undefined;
  const port = () => {
    listening ??= readPort(child);
    return listening;
  };
  return {
    pid,
    port,
    spawnedAtMs,
    servingPid: () => pid,
    async firstByte(onFirstByte = () => undefined) {
      const answer = await getFirstByte(await port(), "/", onFirstByte);
      requireStatus(answer);
      return answer;
    },
    async end() {
      child.kill("SIGKILL");
      await exited;
      onEnd();
    },
  };
}

async function readPort(child: ChildProcess): Promise<number> {
  if (child.stdout === null) throw new Error("the bare node has no stdout");
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  return Number(line.toString());
}
