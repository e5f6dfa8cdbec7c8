// One cold start of a peer, measured like one of tsfn: to the first byte of the answer, with the CPU time of everything that
// works for it.

import { now } from "../../runtime/trace.ts";
import { requireStatus } from "../first-byte.ts";
import { untilQuiet } from "../tsfn.ts";
import type { ColdPeer, ColdStart } from "./peer.ts";

export interface PeerStart {
  /** From the spawn to the first byte. */
  readonly wallMs: number;
  readonly cpuMs: number;
  /** From the spawn until nothing of it is left, where somebody waits for that. */
  readonly cycleMs?: number;
}

export type Measured = () => Promise<PeerStart>;

/** Whatever is running when `owner` ends, ends with it. */
export function measuring(owner: AsyncDisposableStack, peer: Pick<ColdPeer, "meter" | "spawn">): Measured {
  const running = new Set<Pick<ColdStart, "end">>();
  owner.defer(async () => {
    await Promise.all([...running].map((start) => start.end()));
  });
  return async () => {
    await untilQuiet(() => peer.meter.read());
    const before = peer.meter.read();
    let after = before;
    const start = peer.spawn();
    running.add(start);
    try {
      const answer = await start.firstByte(() => {
        after = peer.meter.read();
      });
      requireStatus(answer);
      await start.end();
      const wallMs = answer.firstByteAtMs - start.spawnedAtMs;
      return { wallMs, cpuMs: (after - before) / 1_000, cycleMs: now() - start.spawnedAtMs };
    } finally {
      await start.end();
      running.delete(start);
    }
  };
}

/** Start, one call, end, by `callers` at the same time: how many came to their end in each whole second. */
export async function churnPeer(
  owner: AsyncDisposableStack,
  peer: Pick<ColdPeer, "spawn">,
  { callers, durationMs }: { readonly callers: number; readonly durationMs: number },
): Promise<number[]> {
  const running = new Set<ColdStart>();
  owner.defer(async () => {
    await Promise.all([...running].map((start) => start.end()));
  });
  const perSecond: number[] = Array.from({ length: Math.floor(durationMs / 1_000) }, () => 0);
  const startedAtMs = now();
  const call = async () => {
    while (now() - startedAtMs < durationMs) {
      const start = peer.spawn();
      running.add(start);
      try {
        requireStatus(await start.firstByte());
      } finally {
        await start.end();
        running.delete(start);
      }
      const second = Math.floor((now() - startedAtMs) / 1_000);
      if (second < perSecond.length) perSecond[second] = (perSecond[second] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: callers }, call));
  return perSecond;
}
