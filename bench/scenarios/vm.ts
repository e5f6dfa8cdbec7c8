// M2, virtual machines: a cold start of functions/hello against a VM that boots the same Node and bundle, and against one that
// is restored from a snapshot.

import { example } from "../../test/support/function-directory.ts";
import { type Measured, measuring, type PeerStart } from "../peers/measure.ts";
import { prepareVms } from "../peers/vm.ts";
import type { Report } from "../report.ts";
import type { ScenarioOptions } from "../scenario.ts";
import { medianRatio } from "../statistics.ts";
import { baseLayersOf, startTsfn } from "../tsfn.ts";
import { takeTurns } from "../turns.ts";
import { measuringTsfn, ownName, subjectOf, wallOf } from "./first-calls.ts";

/** A boot takes so much longer than the others that those are measured several times in a turn. */
const timesInTurn = 3;

export async function runVm({ rounds, owner }: ScenarioOptions): Promise<Report> {
  const tsfn = await startTsfn(owner);
  const own = await measuringTsfn(tsfn);
  const { boot, restore } = await prepareVms(owner, await baseLayersOf(tsfn, "hello"), example("hello"));
  const booted = measuring(owner, boot);
  const contenders = new Map([
    [ownName, several(own)],
    [restore.name, several(measuring(owner, restore))],
    [boot.name, async () => [await booted()]],
  ]);
  const samples = await takeTurns(contenders, { rounds, warmUpRounds: 0 });
  const wall = (name: string) => wallOf((samples.get(name) ?? []).flat());
  return {
    title: `cold start of functions/hello against virtual machines, ${rounds} boots, ${timesInTurn} of the others in each turn, one before them dropped`,
    setup: [
      "tsfn: function zygote alive, no instance; sandboxes ready as the server's default has it",
      boot.about,
      restore.about,
    ],
    subjects: [...samples].map(([name, taken]) => subjectOf(name, taken.flat())),
    claims: [
      {
        text: `M2 ${boot.name} / cold start from the function zygote, wall`,
        ratio: medianRatio(wall(boot.name), wall(ownName)),
        wanted: { atLeast: 200 },
      },
      {
        text: `M2 ${restore.name} / cold start from the function zygote, wall`,
        ratio: medianRatio(wall(restore.name), wall(ownName)),
        wanted: { atLeast: 20 },
      },
    ],
    notes: [
      "wall: from the spawn of QEMU (tsfn: from the last byte of the request) to the first byte of the answer.",
      "An emulated VM is many times slower than one under KVM; the ratios say nothing about those.",
    ],
  };
}

function several(measured: Measured): () => Promise<PeerStart[]> {
  return async () => {
    await measured();
    const starts: PeerStart[] = [];
    for (let time = 0; time < timesInTurn; time += 1) starts.push(await measured());
    return starts;
  };
}
