// M2, containers: a cold start of functions/hello against `runc run` and `docker run` of the same root and bundle, and against
// workerd and a bare node that serve it without a container.

import { example } from "../../test/support/function-directory.ts";
import { prepareBareNodes } from "../bare-node.ts";
import { prepareDocker } from "../peers/docker.ts";
import { type Measured, measuring } from "../peers/measure.ts";
import { prepareRunc } from "../peers/runc.ts";
import { prepareWorkerd } from "../peers/workerd.ts";
import type { Report } from "../report.ts";
import type { ScenarioOptions } from "../scenario.ts";
import { medianRatio } from "../statistics.ts";
import { baseLayersOf, startTsfn } from "../tsfn.ts";
import { takeTurns } from "../turns.ts";
import { measuringTsfn, ownName, subjectOf, wallOf } from "./first-calls.ts";

const warmUpRounds = 2;

export async function runContainers({ rounds, owner }: ScenarioOptions): Promise<Report> {
  const tsfn = await startTsfn(owner);
  const own = await measuringTsfn(tsfn);
  const [layers, directory] = [await baseLayersOf(tsfn, "hello"), example("hello")];
  const peers = [
    await prepareRunc(owner, layers, directory),
    await prepareDocker(owner, layers, directory),
    await prepareWorkerd(owner, directory),
  ];
  const bare = measuring(owner, await prepareBareNodes(owner, directory));
  const contenders = new Map<string, Measured>([
    [ownName, own],
    ["bare node (L4)", bare],
    ...peers.map((peer) => [peer.name, measuring(owner, peer)] as const),
  ]);
  const samples = await takeTurns(contenders, { rounds, warmUpRounds });
  const wall = (name: string) => wallOf(samples.get(name) ?? []);
  return {
    title: `cold start of functions/hello against containers, ${rounds} rounds in turns, ${warmUpRounds} before them dropped`,
    setup: [
      "tsfn: function zygote alive, no instance; sandboxes ready as the server's default has it",
      ...peers.map(({ about }) => about),
    ],
    subjects: [...samples].map(([name, taken]) => subjectOf(name, taken)),
    claims: [
      {
        text: "M2 runc run / cold start from the function zygote, wall",
        ratio: medianRatio(wall("runc run"), wall(ownName)),
        wanted: { atLeast: 15 },
      },
      {
        text: "M2 docker run / cold start from the function zygote, wall",
        ratio: medianRatio(wall("docker run"), wall(ownName)),
        wanted: { atLeast: 60 },
      },
    ],
    notes: [
      "wall: from the spawn of the command (tsfn: from the last byte of the request) to the first byte of the answer.",
      "The containers have fewer locks than an instance of tsfn: none has a user namespace or Landlock.",
    ],
  };
}
