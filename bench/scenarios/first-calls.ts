// What the scenarios that compare first calls with those of peers have in common.

import type { Measured, PeerStart } from "../peers/measure.ts";
import type { Subject } from "../report.ts";
import { goneAtOnce, type Tsfn } from "../tsfn.ts";

/** How tsfn is called in all of them, and in `cold`. */
export const ownName = "function zygote";

/** Deploys functions/hello as "hello", and calls it with no instance alive. */
export async function measuringTsfn(tsfn: Tsfn): Promise<Measured> {
  await tsfn.deploy("hello", "hello", { prefork: "function", ...goneAtOnce });
  return async () => {
    await tsfn.settle("hello");
    const { wallMs, cpuMs } = await tsfn.callCold("hello");
    return { wallMs, cpuMs };
  };
}

export function subjectOf(name: string, taken: readonly PeerStart[]): Subject {
  const cycles = taken.flatMap(({ cycleMs }) => cycleMs ?? []);
  return {
    name,
    reference: name !== ownName,
    measures: [
      { name: "wall", unit: "ms", samples: wallOf(taken) },
      { name: "cpu", unit: "ms", samples: taken.map(({ cpuMs }) => cpuMs) },
      ...(cycles.length > 0 ? [{ name: "until it is gone", unit: "ms" as const, samples: cycles }] : []),
    ],
  };
}

export function wallOf(taken: readonly PeerStart[]): number[] {
  return taken.map(({ wallMs }) => wallMs);
}
