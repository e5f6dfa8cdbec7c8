// M3: from no instance to N calls at once, each of which keeps its instance until all have begun: last request byte of
// the first → first byte of the last answer. Against N plain Nodes and against N sandboxes of the floor.

import { availableParallelism } from "node:os";
import { example } from "../../test/support/function-directory.ts";
import { type BareNodes, prepareBareNodes } from "../bare-node.ts";
import { type Floor, startFloor } from "../floor.ts";
import { holdCalls } from "../load/held.ts";
import type { Claim, Report, Series, Subject } from "../report.ts";
import type { ScenarioOptions } from "../scenario.ts";
import { median, medianRatio } from "../statistics.ts";
import { goneAtOnce, modelOf, startTsfn, type Tsfn, untilQuiet } from "../tsfn.ts";

/** More plain Nodes than this do not fit in the memory of an ordinary machine. */
const mostBareNodes = 200;
const floorRounds = 10;
/** Longer than any burst takes; the callers hang up before. */
const holdMs = 60_000;

export async function runBurst({ rounds, quick, owner }: ScenarioOptions): Promise<Report> {
  const tsfn = await startTsfn(owner, ["--max-instances", "600"]);
  const scaling = { ...goneAtOnce.scaling, max: 600 };
  await tsfn.deploy("hold", "hold", { prefork: "function", scaling });
  await tsfn.deploy("hello", "hello", { prefork: "function", scaling });
  await tsfn.deploy("hello", "hello-model", { prefork: "function" });
  const floor = startFloor(owner, await modelOf(tsfn, "hello-model"));
  const bare = await prepareBareNodes(owner, example("hello"));
  const parts: Part[] = [];
  for (const size of quick ? [100] : [100, 200, 500]) parts.push(await measure({ tsfn, floor, bare }, size, rounds));
  return {
    title: `burst of calls with no instance alive, ${rounds} rounds of each size`,
    setup: [
      "function zygotes alive; sandboxes ready as the server's default has it; connections open before the burst",
    ],
    subjects: parts.flatMap(({ subjects }) => subjects),
    claims: parts.flatMap(({ claims }) => claims),
    series: parts.flatMap(({ series }) => series),
    notes: [
      "own instance: every call keeps its instance until the last one has begun, so N instances are there at once.",
      "shared: calls of functions/hello, which tsfn may answer with as few instances as it likes.",
      "plain nodes: N spawned at once, same bundle, to the first byte of the last; not run beyond 200, for want of memory.",
      `floor: N × cpu of L3 / ${availableParallelism()} cores.`,
    ],
  };
}

interface Part {
  readonly subjects: readonly Subject[];
  readonly claims: readonly Claim[];
  readonly series: readonly Series[];
}

interface Contenders {
  readonly tsfn: Tsfn;
  readonly floor: Floor;
  readonly bare: BareNodes;
}

async function measure({ tsfn, floor, bare }: Contenders, size: number, rounds: number): Promise<Part> {
  const [own, shared, nodes, floors]: [Burst[], Burst[], Burst[], number[]] = [[], [], [], []];
  for (let round = 0; round < rounds; round += 1) {
    own.push(await burst(tsfn, "hold", size));
    shared.push(await burst(tsfn, "hello", size));
    if (size <= mostBareNodes) nodes.push(await burstOfNodes(bare, size));
    for (let index = 0; index < floorRounds; index += 1)
      floors.push(((await floor.round("L3")).cpuMs * size) / availableParallelism());
  }
  const wall = (bursts: readonly Burst[]) => bursts.map(wallOf);
  const subject = (name: string, bursts: readonly Burst[]): Subject => ({
    name: `${size} ${name}`,
    measures: [
      { name: "last first byte", unit: "ms", samples: wall(bursts) },
      { name: "cpu", unit: "ms", samples: bursts.map(({ cpuMs }) => cpuMs) },
    ],
  });
  return {
    subjects: [
      subject("own instance", own),
      subject("shared", shared),
      ...(nodes.length > 0 ? [{ ...subject("plain nodes", nodes), reference: true }] : []),
      {
        name: `${size} × cpu(L3) / cores`,
        reference: true,
        measures: [{ name: "last first byte", unit: "ms", samples: floors }],
      },
    ],
    claims: [
      {
        text: `M3 burst 0→${size} / (N × cpu(L3) / cores)`,
        ratio: medianRatio(wall(own), floors),
        wanted: { atMost: 1.5 },
      },
      ...(nodes.length > 0
        ? [
            {
              text: `M3 ${size} plain nodes / burst`,
              ratio: medianRatio(wall(nodes), wall(own)),
              wanted: { atLeast: 10 },
            },
          ]
        : []),
    ],
    series: [
      { chart: `burst ${size}`, name: "tsfn", points: curveOf(own) },
      { chart: `burst ${size}`, name: "plain nodes", points: nodes.length > 0 ? curveOf(nodes) : [] },
      {
        chart: `burst ${size}`,
        name: "floor",
        points: [
          [0, 0],
          [median(floors), size],
        ],
      },
    ],
  };
}

interface Burst {
  /** From the first call to the first byte of each answer, ascending. */
  readonly answeredMs: readonly number[];
  readonly cpuMs: number;
}

function wallOf({ answeredMs }: Burst): number {
  return answeredMs.at(-1) ?? Number.NaN;
}

/** How many were answered when, in the median round. */
function curveOf(bursts: readonly Burst[]): Series["points"] {
  const sorted = bursts.toSorted((a, b) => wallOf(a) - wallOf(b));
  const median = sorted[Math.floor(sorted.length / 2)]?.answeredMs ?? [];
  return [[0, 0] as const, ...median.map((ms, index) => [ms, index + 1] as const)];
}

async function burst(tsfn: Tsfn, name: string, size: number): Promise<Burst> {
  await tsfn.settle(name);
  let before = 0;
  const { answeredMs, release } = await holdCalls(tsfn.port(), `/function/${name}?ms=${holdMs}`, size, () => {
    before = tsfn.readCpuUs();
  });
  const after = tsfn.readCpuUs();
  release();
  return { answeredMs, cpuMs: (after - before) / 1_000 };
}

async function burstOfNodes(bare: BareNodes, size: number): Promise<Burst> {
  await untilQuiet(() => bare.meter.read());
  const before = bare.meter.read();
  const nodes = Array.from({ length: size }, () => bare.spawn());
  try {
    const answers = await Promise.all(nodes.map((node) => node.firstByte()));
    const startedAtMs = Math.min(...nodes.map(({ spawnedAtMs }) => spawnedAtMs));
    const answeredMs = answers.map(({ firstByteAtMs }) => firstByteAtMs - startedAtMs).sort((a, b) => a - b);
    return { answeredMs, cpuMs: (bare.meter.read() - before) / 1_000 };
  } finally {
    await Promise.all(nodes.map((node) => node.end()));
  }
}
