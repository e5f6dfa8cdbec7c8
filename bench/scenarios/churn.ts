// M4: create, one call, destroy, as fast as it goes, for a minute: every answer comes from a process of its own, and in
// the end the server holds exactly what it held before. Against what the floor could do with the same cores, and `runc run`.

import { availableParallelism } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { now } from "../../runtime/trace.ts";
import { cgroupMounts, cgroupName } from "../../test/support/cgroups.ts";
import { example } from "../../test/support/function-directory.ts";
import { countDescriptors } from "../../test/support/leak-audit.ts";
import { entriesOf, processTree, readProc } from "../../test/support/processes.ts";
import { startFloor } from "../floor.ts";
import { callAgainAndAgain } from "../keep-alive-callers.ts";
import { churnPeer } from "../peers/measure.ts";
import { prepareRunc } from "../peers/runc.ts";
import type { Report } from "../report.ts";
import type { ScenarioOptions } from "../scenario.ts";
import { medianRatio } from "../statistics.ts";
import { baseLayersOf, modelOf, startTsfn, type Tsfn, untilQuiet } from "../tsfn.ts";

interface Answer {
  readonly served: number;
  readonly nonce: string;
}

const floorRounds = 30;
const callers = 4;

/** `rounds` are seconds. */
export async function runChurn({ rounds: seconds, quick, owner }: ScenarioOptions): Promise<Report> {
  const tsfn = await startTsfn(owner);
  // What is made ahead for a function in use goes soon, so that what is left can be counted.
  await tsfn.deploy("count", "count", { reuse: "never", prefork: "function", scaling: { idleTimeout: "2s" } });
  await tsfn.deploy("hello", "hello-model", { prefork: "function" });
  const floor = startFloor(owner, await modelOf(tsfn, "hello-model"));
  const floorCpuMs: number[] = [];
  const measureFloor = async () => {
    for (let round = 0; round < (quick ? 10 : floorRounds); round += 1)
      floorCpuMs.push((await floor.round("L3")).cpuMs);
  };

  await churn(tsfn, quick ? 500 : 2_000);
  const before = await heldBy(tsfn);
  await measureFloor();
  const cpuBefore = tsfn.readCpuUs();
  const perSecond = await churn(tsfn, seconds * 1_000);
  const calls = perSecond.reduce((sum, count) => sum + count, 0);
  const cpuMs = (tsfn.readCpuUs() - cpuBefore) / 1_000 / calls;
  await measureFloor();
  requireSame(before, await heldBy(tsfn));
  const runc = await prepareRunc(owner, await baseLayersOf(tsfn, "hello-model"), example("hello"));
  const containers = await churnPeer(owner, runc, { callers, durationMs: Math.max(2, seconds / 4) * 1_000 });

  const most = floorCpuMs.map((ms) => (availableParallelism() * 1_000) / ms);
  return {
    title: `create, one call, destroy: ${calls} times in ${seconds} s, ${callers} callers`,
    setup: ['functions/count with reuse: "never", prefork: "function"; nothing was left behind'],
    subjects: [
      {
        name: "tsfn",
        measures: [
          { name: "calls", unit: "/s", samples: perSecond },
          { name: "cpu of one", unit: "ms", samples: [cpuMs] },
        ],
      },
      {
        name: `L3, ${availableParallelism()} cores`,
        reference: true,
        measures: [
          { name: "calls", unit: "/s", samples: most },
          { name: "cpu of one", unit: "ms", samples: floorCpuMs },
        ],
      },
      {
        name: "runc run",
        reference: true,
        measures: [{ name: "calls", unit: "/s", samples: containers }],
      },
    ],
    claims: [
      {
        text: "M4 calls / runc run, call, end",
        ratio: medianRatio(perSecond, containers),
        wanted: { atLeast: 20 },
      },
      { text: "M4 calls / (cores / cpu(L3))", ratio: medianRatio(perSecond, most), wanted: { atLeast: 0.7 } },
    ],
    notes: ["The callers run on the same cores and their time is not counted.", runc.about],
  };
}

/** Calls answered in each whole second. */
async function churn({ port }: Tsfn, durationMs: number): Promise<number[]> {
  const startedAtMs = now();
  const perSecond: number[] = Array.from({ length: Math.floor(durationMs / 1_000) }, () => 0);
  await callAgainAndAgain<Answer>(
    { port: port(), callers, patienceMs: 30_000 },
    () => now() - startedAtMs < durationMs,
    (nonce) => `/function/count?nonce=${nonce}`,
    (nonce, { status, document }) => {
      if (status !== 200 || document.served !== 1 || document.nonce !== nonce)
        throw new Error(
          `call ${nonce} was answered ${status} ${JSON.stringify(document)}; wanted a process of its own`,
        );
      const second = Math.floor((now() - startedAtMs) / 1_000);
      if (second < perSecond.length) perSecond[second] = (perSecond[second] ?? 0) + 1;
    },
  );
  return perSecond;
}

type Held = Readonly<Record<string, number>>;

/** What the server holds when it has nothing to do. */
async function heldBy(tsfn: Tsfn): Promise<Held> {
  const { server } = tsfn;
  const { pid, wardenPid } = server.info();
  await tsfn.settle("count");
  await pause(1_000);
  await untilQuiet(tsfn.readCpuUs);
  const group = cgroupName(server.dataDir);
  return {
    processes: processTree(wardenPid).length,
    "descriptors of the warden": countDescriptors(wardenPid),
    "descriptors of tsfnd": countDescriptors(pid),
    "mounts of the warden": (readProc(wardenPid, "mountinfo") ?? "").split("\n").length,
    ...Object.fromEntries(cgroupMounts().map(({ path }) => [path, entriesOf(`${path}/${group}`).length])),
  };
}

function requireSame(before: Held, after: Held): void {
  const leaks = Object.entries(after).filter(([name, count]) => count > (before[name] ?? 0));
  if (leaks.length === 0) return;
  const sentences = leaks.map(([name, count]) => `${name}: ${before[name]} before, ${count} after`);
  throw new Error(`the server holds more than before:\n${sentences.join("\n")}`);
}
