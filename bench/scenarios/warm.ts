// M5 and M6: calls of an instance that is there. One connection for the latency, 32 for the throughput and for what a call
// costs each process; every contender in turn, under the same load generator.

import { example } from "../../test/support/function-directory.ts";
import type { ServerInfo } from "../../test/support/server.ts";
import { startBareHttp } from "../bare-http.ts";
import { driveOneByOne, latenciesOf } from "../load/paced.ts";
import { type ClosedLoop, driveClosedLoop } from "../load/wrk.ts";
import { startNginx } from "../peers/nginx.ts";
import type { WarmPeer } from "../peers/peer.ts";
import { startWorkerd } from "../peers/workerd.ts";
import { cpuMsOf } from "../process-cpu.ts";
import type { Claim, Measure, Report, Subject } from "../report.ts";
import type { ScenarioOptions } from "../scenario.ts";
import { type Counts, medianRatio, mergeCounts, percentileOfCounts } from "../statistics.ts";
import { startTsfn, type Tsfn, untilQuiet } from "../tsfn.ts";
import { takeTurns } from "../turns.ts";

/** Something that answers at a URL, with the processes whose CPU time it costs. */
interface Contender {
  readonly name: string;
  readonly url: string;
  /** By what they do; an empty list when it has none now. */
  processes(): Promise<ReadonlyMap<string, readonly number[]>>;
  /** Resolves when it has nothing left to do from what it was asked before. */
  settle(): Promise<void>;
}

interface Round {
  /** Latencies of one call at a time. */
  readonly aloneUs: Counts;
  readonly crowd: ClosedLoop;
  /** CPU microseconds per call of the crowd, by process. */
  readonly cpuUs: ReadonlyMap<string, number>;
  /** Instances that were started for the crowd. */
  readonly started: number;
}

const connections = 32;
const names = { bare: "node:http (L6)", nginx: "nginx → node", workerd: "workerd" };

const own = "tsfn";

export async function runWarm({ rounds, quick, owner }: ScenarioOptions): Promise<Report> {
  const seconds = quick ? 1 : 3;
  const peers = await startPeers(owner);
  const contenders = [await tsfnContender(await startTsfn(owner), "ping"), ...peers.map(contenderOf)];
  // A compiler that has seen a few thousand calls is not done yet; what is measured is a server that has run for a while.
  for (const { url } of contenders) await driveClosedLoop(url, connections, quick ? 1 : 8);
  const samples = await takeTurns(
    new Map(contenders.map((contender) => [contender.name, () => measure(contender, seconds)])),
    { rounds, warmUpRounds: 0 },
  );
  return {
    title: `warm calls of functions/ping, ${rounds} rounds in turns, ${seconds} s each with 1 and with ${connections} connections`,
    setup: [
      "tsfn: one version with the default limits and concurrency 1; its instances are there from the first round on",
      ...peers.map(({ about }) => about),
      "load: one connection by bench/load.c, 32 by wrk with one thread; on the same cores, their own CPU time is not counted",
    ],
    subjects: [...samples].map(([name, all]) => subjectOf(name, all)),
    claims: claimsOf(samples),
    notes: [
      `instances that tsfn started in these rounds: ${startedIn(samples.get(own) ?? [])}`,
      "one call at a time: latency of 1 connection; the p50 and p99 are those of each round.",
      "CPU time is that of all processes of a contender, by what they do.",
    ],
  };
}

async function startPeers(owner: AsyncDisposableStack): Promise<WarmPeer[]> {
  const { pid, port } = await startBareHttp(owner);
  const bare = {
    name: names.bare,
    about: "L6: one node:http that answers with a constant, without a Request and a Response; no isolation",
    url: `http://127.0.0.1:${port}/`,
    processes: new Map([["node", [pid]]]),
  };
  return [bare, await startNginx(owner, await startBareHttp(owner)), await startWorkerd(owner, example("ping"))];
}

function contenderOf({ name, url, processes }: WarmPeer): Contender {
  return { name, url, processes: () => Promise.resolve(processes), settle: () => Promise.resolve() };
}

/** One load after the other, each on a contender that has nothing else to do. */
async function measure(contender: Contender, seconds: number): Promise<Round> {
  await contender.settle();
  const calls = await driveOneByOne(contender.url, seconds);
  const cold = calls.filter((call) => call.cold).length;
  if (cold > 0) throw new Error(`${cold} of ${calls.length} calls of ${contender.url} were cold; wanted none`);
  await contender.settle();
  const before = await readCpuMs(contender);
  const crowd = await driveClosedLoop(contender.url, connections, seconds);
  const after = await readCpuMs(contender);
  const cpuUs = new Map<string, number>();
  for (const [what, pids] of after) {
    let spentMs = 0;
    for (const [pid, ms] of pids) spentMs += ms - (before.get(what)?.get(pid) ?? 0);
    cpuUs.set(what, (spentMs * 1_000) / crowd.requests);
  }
  const known = before.get("instances");
  const started = [...(after.get("instances")?.keys() ?? [])].filter((pid) => !known?.has(pid)).length;
  return { aloneUs: latenciesOf(calls), crowd, cpuUs, started };
}

async function readCpuMs(contender: Contender): Promise<Map<string, Map<number, number>>> {
  const processes = await contender.processes();
  return new Map([...processes].map(([what, pids]) => [what, new Map(pids.map((pid) => [pid, cpuMsOf(pid)]))]));
}

async function tsfnContender(tsfn: Tsfn, name: string): Promise<Contender> {
  await tsfn.deploy(name, name, {});
  const { pid, wardenPid }: ServerInfo = tsfn.server.info();
  return {
    name: own,
    url: `http://127.0.0.1:${tsfn.port()}/function/${name}`,
    async processes() {
      const instances = (await tsfn.instances(name)).flatMap(({ sandbox }) => sandbox?.pid ?? []);
      return new Map([
        ["tsfnd", [pid]],
        ["instances", instances],
        ["warden", [wardenPid]],
      ]);
    },
    settle: () => untilQuiet(tsfn.readCpuUs),
  };
}

function subjectOf(name: string, rounds: readonly Round[]): Subject {
  const processes = [...new Set(rounds.flatMap(({ cpuUs }) => [...cpuUs.keys()]))];
  const cpu = (what: string) => rounds.map(({ cpuUs }) => cpuUs.get(what) ?? 0);
  const all = rounds.map(({ cpuUs }) => [...cpuUs.values()].reduce((sum, us) => sum + us, 0));
  const measures: Measure[] = [
    {
      name: "one at a time, p50",
      unit: "µs",
      samples: alone(rounds, 0.5),
      counts: mergeCounts(rounds.map(({ aloneUs }) => aloneUs)),
    },
    { name: "one at a time, p99", unit: "µs", samples: alone(rounds, 0.99) },
    { name: `${connections} at a time`, unit: "/s", samples: perSecond(rounds) },
    { name: "cpu of a call", unit: "µs", samples: all },
  ];
  if (processes.length > 1)
    measures.push(...processes.map((what) => ({ name: what, unit: "µs" as const, samples: cpu(what) })));
  return { name, reference: name !== own, measures };
}

function claimsOf(samples: ReadonlyMap<string, readonly Round[]>): Claim[] {
  const rounds = (name: string) => samples.get(name) ?? [];
  const latency = (fraction: number, peer: string, atMost: number): Claim => ({
    text: `M5 p${100 * fraction} of one call at a time / ${peer}`,
    ratio: medianRatio(alone(rounds(own), fraction), alone(rounds(peer), fraction)),
    wanted: { atMost },
  });
  const throughput = (peer: string, atLeast: number): Claim => ({
    text: `M6 calls per second / ${peer}`,
    ratio: medianRatio(perSecond(rounds(own)), perSecond(rounds(peer))),
    wanted: { atLeast },
  });
  return [
    latency(0.5, names.bare, 1.5),
    latency(0.5, names.workerd, 0.8),
    latency(0.5, names.nginx, 1),
    latency(0.99, names.bare, 2),
    throughput(names.workerd, 1.5),
    throughput(names.nginx, 1),
    throughput(names.bare, 1),
  ];
}

function alone(rounds: readonly Round[], fraction: number): number[] {
  return rounds.map((round) => percentileOfCounts(round.aloneUs, fraction));
}

function perSecond(rounds: readonly Round[]): number[] {
  return rounds.map(({ crowd }) => crowd.perSecond);
}

function startedIn(rounds: readonly Round[]): number {
  return rounds.reduce((sum, { started }) => sum + started, 0);
}
