// M13: calls of one function while another one goes from no instance to a hundred. The calls come at a constant rate, and
// their latency counts from the moment they were due.

import { holdCalls } from "../load/held.ts";
import { driveAtRate, type PacedCall } from "../load/paced.ts";
import type { Measure, Report } from "../report.ts";
import type { ScenarioOptions } from "../scenario.ts";
import { countsOf, medianRatio, mergeCounts, percentileOfCounts } from "../statistics.ts";
import { goneAtOnce, startTsfn, type Tsfn } from "../tsfn.ts";

const burstSize = 100;
const pace = { perSecond: 500, connections: 16, seconds: 3 } as const;
/** After the first call. */
const burstAfterMs = 1_000;
const holdMs = 60_000;

export async function runNeighbour({ rounds, owner }: ScenarioOptions): Promise<Report> {
  const tsfn = await startTsfn(owner, ["--max-instances", "300"]);
  await tsfn.deploy("ping", "ping", { scaling: { idleTimeout: "1h" } });
  await tsfn.deploy("hold", "hold", { prefork: "function", scaling: { ...goneAtOnce.scaling, max: burstSize } });
  const url = `${tsfn.server.url()}/function/ping`;
  await driveAtRate(url, pace);
  const quiet: PacedCall[][] = [];
  const busy: PacedCall[][] = [];
  const burstsMs: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await tsfn.settle("hold");
    quiet.push(await driveAtRate(url, pace));
    const burst = await callsDuringBurst(tsfn, url);
    busy.push(burst.calls);
    burstsMs.push(burst.durationMs);
  }
  const measure = (fraction: number, rounds: readonly PacedCall[][]): Measure => ({
    name: `p${fraction * 100}`,
    unit: "µs",
    samples: rounds.map((calls) => percentileOfCounts(countsOfCalls(calls), fraction)),
    counts: mergeCounts(rounds.map(countsOfCalls)),
  });
  const [quietP99, busyP99] = [measure(0.99, quiet), measure(0.99, busy)];
  return {
    title: `functions/ping at ${pace.perSecond} calls a second while functions/hold goes from 0 to ${burstSize} instances, ${rounds} times`,
    setup: [
      "latency from the moment a call was due to its last byte; the instances of ping are there, those of hold are not",
      "during a burst: calls that were due between its first request and its last first byte",
      "the driver of ping's calls runs before everything else (SCHED_FIFO); that of hold's is one process among others",
    ],
    subjects: [
      { name: "ping, quiet", measures: [measure(0.5, quiet), quietP99] },
      { name: "ping, during a burst", measures: [measure(0.5, busy), busyP99] },
      { name: `hold, 0 → ${burstSize}`, measures: [{ name: "last first byte", unit: "ms", samples: burstsMs }] },
    ],
    claims: [
      {
        text: "M13 p99 during a neighbour's burst / quiet",
        ratio: medianRatio(busyP99.samples, quietP99.samples),
        wanted: { atMost: 2 },
      },
    ],
    notes: [`calls that were cold: ${[...quiet, ...busy].flat().filter(({ cold }) => cold).length}`],
  };
}

async function callsDuringBurst(tsfn: Tsfn, url: string): Promise<{ calls: PacedCall[]; durationMs: number }> {
  const driving = driveAtRate(url, pace);
  await new Promise((resolve) => setTimeout(resolve, burstAfterMs));
  const path = `/function/hold?ms=${holdMs}`;
  const { startedAtMs, answeredMs, release } = await holdCalls(tsfn.port(), path, burstSize);
  const durationMs = answeredMs.at(-1) ?? Number.NaN;
  const calls = (await driving).filter(({ dueMs }) => dueMs >= startedAtMs && dueMs <= startedAtMs + durationMs);
  // A hundred callers that hang up at once are another load.
  release();
  return { calls, durationMs };
}

function countsOfCalls(calls: readonly PacedCall[]) {
  return countsOf(calls.map(({ waitedUs, tookUs }) => Math.round(waitedUs + tookUs)));
}
