// M8: how many instances that have answered live in 4 GiB, and whether all of them answer again within a second when they are
// called at once; against how many plain Nodes would fit.

import { footprintOf } from "../footprint.ts";
import { holdCalls } from "../load/held.ts";
import type { Report } from "../report.ts";
import type { ScenarioOptions } from "../scenario.ts";
import { medianRatio } from "../statistics.ts";
import { startTsfn, type Tsfn } from "../tsfn.ts";
import { measurePlain, totalWith } from "./memory.ts";

const patienceMs = 1_000;
const holdMs = 100_000;
const most = 2_500;
const probes = [25, 50] as const;

export async function runCapacity({ quick, owner }: ScenarioOptions): Promise<Report> {
  const budgetMib = quick ? 512 : 4_096;
  const plain = await measurePlain(owner);
  const plainNodes = plain.map(({ privateKib, pageTablesKib }) => (budgetMib * 1_024) / (privateKib + pageTablesKib));
  const tsfn = await startTsfn(owner, ["--max-instances", String(most), "--max-waiting", String(most)]);
  await tsfn.deploy("hold", "hold", { prefork: "function", scaling: { max: most, idleTimeout: "1h" } });
  const { fitting, usedMib } = await fill(tsfn, budgetMib);
  const again = await holdCalls(tsfn.port(), `/function/hold?ms=${holdMs}`, fitting);
  again.release();
  const cold = (await tsfn.instances("hold")).length;
  const lastMs = again.answeredMs.at(-1) ?? Number.NaN;
  return {
    title: `live instances of functions/hold in ${budgetMib} MiB`,
    setup: [
      "each has answered one call; counted is the memory of tsfnd, warden, zygotes and sandboxes with what the kernel holds for them",
    ],
    subjects: [
      {
        name: "tsfn",
        measures: [
          { name: "instances", unit: "", samples: [fitting] },
          { name: "memory", unit: "MiB", samples: [usedMib] },
          { name: "all answer again", unit: "ms", samples: [lastMs] },
        ],
      },
      { name: "plain node", reference: true, measures: [{ name: "instances", unit: "", samples: plainNodes }] },
    ],
    claims: [
      {
        text: `M8 instances / plain nodes in ${budgetMib} MiB`,
        ratio: medianRatio([fitting], plainNodes),
        wanted: { atLeast: 7 },
      },
      {
        text: `M8 last of ${fitting} answers, all called at once / 1 s`,
        ratio: medianRatio([lastMs], [patienceMs]),
        wanted: { atMost: 1 },
      },
    ],
    notes: [`instances alive when all were called again: ${cold}`],
  };
}

interface Filled {
  readonly fitting: number;
  readonly usedMib: number;
}

/** Two sizes tell what one more takes, and so how many will fit; counted is when those are there. */
async function fill(tsfn: Tsfn, budgetMib: number): Promise<Filled> {
  const [fewMib, moreMib] = [await totalMibWith(tsfn, probes[0]), await totalMibWith(tsfn, probes[1])];
  const eachMib = (moreMib - fewMib) / (probes[1] - probes[0]);
  const expected = Math.min(most, probes[1] + Math.floor((budgetMib - moreMib) / eachMib));
  const usedMib = await totalMibWith(tsfn, expected);
  const over = Math.max(0, Math.ceil((usedMib - budgetMib) / eachMib));
  return { fitting: expected - over, usedMib };
}

async function totalMibWith(tsfn: Tsfn, size: number): Promise<number> {
  const { pssKib, kernelKib } = await totalWith(tsfn, size);
  const { pid, wardenPid } = tsfn.server.info();
  const own = [pid, wardenPid]
    .map(footprintOf)
    .reduce((sum, { pssKib, pageTablesKib }) => sum + pssKib + pageTablesKib, 0);
  return (pssKib + kernelKib + own) / 1_024;
}
