// M11: what a sandbox costs the code in it: system calls, files and plain computing in an instance
// (functions/loop) against the same in a bare node.

import { example } from "../../test/support/function-directory.ts";
import { prepareBareNodes } from "../bare-node.ts";
import { getFirstByte, requireStatus } from "../first-byte.ts";
import type { Report } from "../report.ts";
import type { ScenarioOptions } from "../scenario.ts";
import { medianRatio } from "../statistics.ts";
import { startTsfn, untilQuiet } from "../tsfn.ts";
import { takeTurns } from "../turns.ts";

/** So often in a round that it takes some 50 ms. */
const times = new Map([
  ["syscall", 200_000],
  ["open", 10_000],
  ["read", 50_000],
  ["cpu", 40_000],
]);

export async function runInside({ rounds, quick, owner }: ScenarioOptions): Promise<Report> {
  const tsfn = await startTsfn(owner);
  await tsfn.deploy("loop", "loop", { scaling: { idleTimeout: "1h" } });
  const node = (await prepareBareNodes(owner, example("loop"))).spawn();
  owner.defer(() => node.end());
  const bare = await node.port();
  const measure = (port: number, path: string) => async () => {
    await untilQuiet(tsfn.readCpuUs);
    const answer = await getFirstByte(port, path, () => undefined);
    requireStatus(answer);
    return Number(/"nanoseconds":([\d.]+)/.exec(answer.body)?.[1]);
  };
  const contenders = new Map<string, () => Promise<number>>();
  for (const [what, count] of times) {
    const query = `?what=${what}&times=${count}`;
    contenders.set(`${what} inside`, measure(tsfn.port(), `/function/loop${query}`));
    contenders.set(`${what} outside`, measure(bare, `/${query}`));
  }
  const taken = await takeTurns(contenders, { rounds, warmUpRounds: quick ? 1 : 5 });
  const samples = (name: string) => taken.get(name) ?? [];
  return {
    title: `system calls, files and computing inside a sandbox and outside of it, ${rounds} rounds in turns`,
    setup: [
      "inside: an instance forked from its zygote; outside: a bare node with the same bundle and its usual flags",
      "syscall: getuid; open: of the function's own bundle, with close; read: 4 KiB of it; cpu: 1,000 steps of integer arithmetic",
    ],
    subjects: ["inside", "outside"].map((where) => ({
      name: where,
      reference: where === "outside",
      measures: [...times.keys()].map((what) => ({
        name: what,
        unit: "µs" as const,
        samples: samples(`${what} ${where}`).map((nanoseconds) => nanoseconds / 1_000),
      })),
    })),
    claims: [...times.keys()].map((what) => ({
      text: `M11 ${what} inside / outside`,
      ratio: medianRatio(samples(`${what} inside`), samples(`${what} outside`)),
      wanted: { atMost: 1.05 },
    })),
    notes: [],
  };
}
