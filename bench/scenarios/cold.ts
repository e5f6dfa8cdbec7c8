// M1 and M1b: cold start of functions/hello, last request byte → first response byte, with no instance alive, in each way
// tsfn has to start one; against a bare `node` that serves the same bundle and against the floors.

import { availableParallelism } from "node:os";
import { settings } from "../../runtime/config.ts";
import { example } from "../../test/support/function-directory.ts";
import { prepareBareNodes } from "../bare-node.ts";
import { arrange } from "../charts/waterfall.ts";
import { startFloor } from "../floor.ts";
import { isolationTold } from "../isolation.ts";
import type { Claim, Measure, Report, Subject } from "../report.ts";
import type { ScenarioOptions } from "../scenario.ts";
import { medianRatio, summarize } from "../statistics.ts";
import { goneAtOnce, modelOf, startTsfn, type Tsfn, zygotesOf } from "../tsfn.ts";
import { takeTurns } from "../turns.ts";

interface Round {
  /** Milliseconds by measure. */
  readonly measures: Readonly<Record<string, number>>;
  /** Of the answer's Server-Timing. */
  readonly stages: ReadonlyMap<string, number>;
}
type Contender = () => Promise<Round>;

const warmUpRounds = 3;
const ways = new Map([
  ["function zygote", "function"],
  ["runtime zygote", "runtime"],
  ["exec", "none"],
]);

export async function runCold({ rounds, owner }: ScenarioOptions): Promise<Report> {
  const tsfn = await startTsfn(owner);
  const contenders = new Map<string, Contender>();
  for (const [way, prefork] of ways) {
    await tsfn.deploy("hello", `hello-${prefork}`, { prefork, ...goneAtOnce });
    contenders.set(way, () => measureTsfn(tsfn, `hello-${prefork}`));
  }
  const bare = await prepareBareNodes(owner, example("hello"));
  contenders.set("bare node (L4)", async () => {
    const before = bare.meter.read();
    let after = before;
    const node = bare.spawn();
    const { firstByteAtMs } = await node.firstByte(() => {
      after = bare.meter.read();
    });
    await node.end();
    return measured({ wall: firstByteAtMs - node.spawnedAtMs, cpu: (after - before) / 1_000 });
  });
  await tsfn.deploy("hello", "hello-model", { prefork: "function" });
  const model = await modelOf(tsfn, "hello-model");
  const zygotes = zygotesOf(tsfn).length;
  const [instance] = (await tsfn.instances("hello-model")).flatMap(({ sandbox }) => sandbox?.pid ?? []);
  const isolation = isolationTold(instance ?? Number.NaN);
  const floor = startFloor(owner, model);
  for (const name of ["L1", "L2", "L3", "L5"] as const)
    contenders.set(name, async () => {
      const { wallMs, readyMs, cpuMs } = await floor.round(name);
      const ofSandbox = { "whole cycle, cpu": cpuMs, "until it runs": readyMs };
      return measured({ wall: wallMs, cpu: cpuMs, ...(name === "L3" && ofSandbox) });
    });
  const samples = await takeTurns(contenders, { rounds, warmUpRounds });
  return {
    title: `cold start of functions/hello, ${rounds} rounds in turns, ${warmUpRounds} before them dropped`,
    setup: [
      `tsfn: ${zygotes} zygotes alive, no instance; ${settings.sandboxesReady.fallback} sandboxes without a process kept ready; ${availableParallelism()} cores`,
      `an instance has: ${isolation}`,
      `floors: ${model.privateKib} KiB private in ${model.mappings} mappings, the child writes to ${model.touchedPages} pages, ${model.layers.length} layers, ${model.cgroups.length} cgroup hierarchies; L3 has an instance's isolation`,
    ],
    subjects: [...samples].map(([name, taken]) => subjectOf(name, taken)),
    claims: claimsOf(samples),
    notes: [
      ...[...ways.keys()].map((way) => `stages of ${way}, p50 in ms: ${stagesOf(samples.get(way) ?? [])}`),
      "tsfn: cpu of warden, tsfnd, zygotes and sandboxes until the first byte; the whole cycle adds what is made ready again",
      "      and taken down afterwards. Bare node: spawn to first byte, same Node, same bundle, no isolation. L3 includes its",
      "      teardown. The cpu of L1 and L2 is that of one round; L5 is one of a thousand trips.",
    ],
    coldStart: medianStart(samples.get("function zygote") ?? []),
  };
}

async function measureTsfn(tsfn: Tsfn, name: string): Promise<Round> {
  await tsfn.settle(name);
  const before = tsfn.readCpuUs();
  const { wallMs, cpuMs, stages } = await tsfn.callCold(name);
  await tsfn.settle(name);
  const cycleMs = (tsfn.readCpuUs() - before) / 1_000;
  return { measures: { wall: wallMs, cpu: cpuMs, "whole cycle, cpu": cycleMs }, stages };
}

function measured(measures: Round["measures"]): Round {
  return { measures, stages: new Map() };
}

/** The median of each stage. */
function stagesOf(taken: readonly Round[]): string {
  const names = new Set(taken.flatMap(({ stages }) => [...stages.keys()]));
  return [...names]
    .map((name) => `${name} ${summarize(taken.flatMap(({ stages }) => stages.get(name) ?? [])).p50.toFixed(2)}`)
    .join(", ");
}

/** The median round: an average of many would be a cold start that never was. */
function medianStart(taken: readonly Round[]): NonNullable<Report["coldStart"]> {
  const sorted = taken.toSorted((a, b) => wallOf(a) - wallOf(b));
  const median = sorted[Math.floor(sorted.length / 2)];
  if (median === undefined) throw new Error("there is no cold start to draw");
  return { totalMs: wallOf(median), stages: arrange(median.stages, wallOf(median)) };
}

function wallOf({ measures }: Round): number {
  return measures.wall ?? Number.NaN;
}

function subjectOf(name: string, taken: readonly Round[]): Subject {
  const measures = new Set(taken.flatMap((round) => Object.keys(round.measures)));
  return {
    name,
    reference: !ways.has(name),
    measures: [...measures].map((measure): Measure => {
      const samples = taken.flatMap((round) => round.measures[measure] ?? []);
      return name === "L5"
        ? { name: measure, unit: "µs", samples: samples.map((ms) => ms * 1_000) }
        : { name: measure, unit: "ms", samples };
    }),
  };
}

function claimsOf(samples: ReadonlyMap<string, readonly Round[]>): Claim[] {
  const wall = (name: string) => (samples.get(name) ?? []).map(wallOf);
  const node = wall("bare node (L4)");
  const trips = wall("L5");
  const floor = wall("L3").map((ms, round) => ms + 2 * (trips[round] ?? Number.NaN));
  const faster = (way: string, atLeast: number, text: string): Claim => ({
    text,
    ratio: medianRatio(node, wall(way)),
    wanted: { atLeast },
  });
  return [
    faster("function zygote", 8, "M1 bare node / cold start from the function zygote, wall"),
    {
      text: "M1 cold start from the function zygote / (L3 + 2·L5), wall",
      ratio: medianRatio(wall("function zygote"), floor),
      wanted: { atMost: 2 },
    },
    faster("runtime zygote", 3, "M1b bare node / cold start from the runtime zygote, wall"),
  ];
}
