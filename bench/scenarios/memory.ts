// M7: memory of an instance that has served one request and is idle, as the slope of everything that the sandboxes of a
// server hold over the number of instances. Against what a plain Node has for itself.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { InstanceDescription } from "../../runtime/index.ts";
import { example } from "../../test/support/function-directory.ts";
import { until } from "../../test/support/until.ts";
import { prepareBareNodes } from "../bare-node.ts";
import { slopeOf } from "../charts/series.ts";
import { type Footprint, footprintOf } from "../footprint.ts";
import { holdCalls } from "../load/held.ts";
import type { Measure, Report } from "../report.ts";
import type { ScenarioOptions } from "../scenario.ts";
import { median, medianRatio } from "../statistics.ts";
import { startTsfn, type Tsfn, untilQuiet, zygotesOf } from "../tsfn.ts";

const bareNodes = 5;
/** Longer than it takes until all are there; the callers hang up then. */
const holdMs = 100_000;

export interface Total {
  readonly instances: number;
  readonly pssKib: number;
  /** Page tables, stacks and everything else that the kernel charges to the sandboxes. */
  readonly kernelKib: number;
}

export async function runMemory({ rounds, quick, owner }: ScenarioOptions): Promise<Report> {
  const plain = await measurePlain(owner);
  const sizes = quick ? [5, 10, 20, 40] : [10, 100, 300, 500];
  const slopes: number[] = [];
  let totals: Total[] = [];
  for (let round = 0; round < rounds; round += 1) {
    totals = await measureTotals(owner, sizes);
    slopes.push(
      slopeOf({ points: totals.map(({ instances, pssKib, kernelKib }) => [instances, pssKib + kernelKib] as const) }),
    );
  }
  const own = plain.map(({ privateKib, pageTablesKib }) => privateKib + pageTablesKib);
  const kib = (name: string, samples: readonly number[]): Measure => ({ name, unit: "KiB", samples });
  return {
    title: `memory of idle instances of functions/hold, one request served, ${sizes.join(", ")} of them`,
    setup: ["function zygote alive; its own memory is in the totals and so not in the slope"],
    subjects: [
      { name: "one more instance", measures: [kib("pss + kernel", slopes)] },
      ...totals.map(({ instances, pssKib, kernelKib }) => ({
        name: `${instances} instances`,
        measures: [
          kib("pss + kernel", [(pssKib + kernelKib) / instances]),
          kib("pss", [pssKib / instances]),
          kib("kernel", [kernelKib / instances]),
        ],
      })),
      { name: "plain node", reference: true, measures: [kib("private + page tables", own)] },
    ],
    claims: [
      { text: "M7 one more instance / a plain node's own", ratio: medianRatio(slopes, own), wanted: { atMost: 0.5 } },
    ],
    notes: ["pss is the proportional share of every page; kernel is what the sandboxes' memory cgroups are charged."],
    series: [
      {
        chart: "memory",
        name: "tsfn",
        points: totals.map(({ instances, pssKib, kernelKib }) => [instances, (pssKib + kernelKib) / 1_024] as const),
      },
      {
        chart: "memory",
        name: "plain node",
        points: sizes.map((size) => [size, (size * median(own)) / 1_024] as const),
      },
    ],
  };
}

/** Plain Nodes that have answered once. */
export async function measurePlain(owner: AsyncDisposableStack): Promise<Footprint[]> {
  const bare = await prepareBareNodes(owner, example("hold"));
  const plain: Footprint[] = [];
  for (let index = 0; index < bareNodes; index += 1) {
    const node = bare.spawn();
    await node.firstByte();
    plain.push(footprintOf(node.pid));
    await node.end();
  }
  return plain;
}

async function measureTotals(owner: AsyncDisposableStack, sizes: readonly number[]): Promise<Total[]> {
  await using round = new AsyncDisposableStack();
  // Whoever ends first: the round or, when it is interrupted, the scenario.
  owner.use(round);
  const tsfn = await startTsfn(round, ["--max-instances", "600"]);
  await tsfn.deploy("hold", "hold", { prefork: "function", scaling: { max: 600, idleTimeout: "1h" } });
  const totals: Total[] = [];
  for (const size of sizes) totals.push(await totalWith(tsfn, size));
  return totals;
}

/** Brings it to `size` instances, by that many calls at once, and waits until all are idle. */
export async function totalWith(tsfn: Tsfn, size: number): Promise<Total> {
  (await holdCalls(tsfn.port(), `/function/hold?ms=${holdMs}`, size)).release();
  const idle = await until(`${size} instances are idle`, async () => {
    const all = await tsfn.instances("hold");
    return all.length >= size && all.every(({ state }) => state === "idle") && all;
  });
  await untilQuiet(tsfn.readCpuUs);
  const pids = idle.flatMap(({ sandbox }) => sandbox?.pid ?? []);
  const footprints = [...pids, ...zygotesOf(tsfn)].map(footprintOf);
  return {
    instances: idle.length,
    pssKib: footprints.reduce((sum, { pssKib }) => sum + pssKib, 0),
    kernelKib: idle.reduce((sum, instance) => sum + kernelKibOf(instance), 0),
  };
}

/** From the cgroup where it counts kernel memory; the page tables alone where it does not. */
function kernelKibOf({ sandbox }: InstanceDescription): number {
  if (sandbox?.pid == null) return 0;
  const pageTables = footprintOf(sandbox.pid).pageTablesKib;
  const charged = sandbox.cgroups.map((path) => {
    const [v1, v2] = [join(path, "memory.kmem.usage_in_bytes"), join(path, "memory.stat")];
    if (existsSync(v1)) return Number(readFileSync(v1, "utf8"));
    return existsSync(v2) ? Number(/^kernel (\d+)$/m.exec(readFileSync(v2, "utf8"))?.[1] ?? 0) : 0;
  });
  return Math.max(pageTables, ...charged.map((bytes) => bytes / 1_024));
}
