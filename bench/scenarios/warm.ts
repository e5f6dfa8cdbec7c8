// M5 and M6: calls of an instance that is there. One connection for the latency, 32 for the throughput and for what a call
// costs each process; every contender in turn, under the same load generator.

import type { ServerInfo } from "../../test/support/server.ts";
import { startBareHttp } from "../bare-http.ts";
import { driveOneByOne, latenciesOf } from "../load/paced.ts";
import { type ClosedLoop, driveClosedLoop } from "../load/wrk.ts";
import { cpuMsOf } from "../process-cpu.ts";
import type { Claim, Measure, Report, Subject } from "../report.ts";
import type { ScenarioOptions } from "../scenario.ts";
import { type Counts, medianRatio, mergeCounts, percentileOfCounts } from "../statistics.ts";
import { startTsfn, type Tsfn, untilQuiet } from "../tsfn.ts";

/** Something that answers at a URL, with the processes whose CPU time it costs. */
interface Contender {
  readonly name: string;
  readonly url: string;
  /** By what they do; what has no process now has an empty list. */
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
const warmUpSeconds = 2;

export async function runWarm({ rounds, quick, owner }: ScenarioOptions): Promise<Report> {
  const seconds = quick ? 1 : 3;
  const contenders = [await tsfnContender(await startTsfn(owner), "ping"), await bareContender(owner)];
  const taken = new Map<Contender, Round[]>(contenders.map((contender) => [contender, []]));
  for (const contender of contenders) await driveClosedLoop(contender.url, connections, warmUpSeconds);
  for (let round = 0; round < rounds; round += 1) {
    const first = round % contenders.length;
    for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)])
      taken.get(contender)?.push(await measure(contender, seconds));
  }
  const byName = new Map([...taken].map(([{ name }, all]) => [name, all]));
  return {
    title: `warm calls of functions/ping, ${rounds} rounds in turns, ${seconds} s each with 1 and with ${connections} connections`,
    setup: [
      "tsfn: one version with the default limits and concurrency 1; its instances are there from the first round on",
      "load: one connection by bench/load.c, 32 by wrk with one thread; on the same cores, their own CPU time is not counted",
    ],
    subjects: [...byName].map(([name, all]) => subjectOf(name, all)),
    claims: claimsOf(byName),
    notes: [
      ...[...byName].map(([name, all]) => `instances started in the rounds of ${name}: ${startedIn(all)}`),
      "one call at a time: latency of 1 connection; the p50 and p99 are those of each round.",
      "L6: one node:http that answers with a constant, without a Request and a Response.",
    ],
  };
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
    name: "tsfn",
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

async function bareContender(owner: AsyncDisposableStack): Promise<Contender> {
  const { pid, port } = await startBareHttp(owner);
  return {
    name: "bare node:http (L6)",
    url: `http://127.0.0.1:${port}/`,
    processes: async () => new Map([["node", [pid]]]),
    settle: () => Promise.resolve(),
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
  return { name, reference: name !== "tsfn", measures };
}

function claimsOf(taken: ReadonlyMap<string, readonly Round[]>): Claim[] {
  const [own, bare] = [taken.get("tsfn") ?? [], taken.get("bare node:http (L6)") ?? []];
  return [
    {
      text: "M5 p50 of one call at a time / L6",
      ratio: medianRatio(alone(own, 0.5), alone(bare, 0.5)),
      wanted: { atMost: 1.5 },
    },
    {
      text: "M5 p99 of one call at a time / L6",
      ratio: medianRatio(alone(own, 0.99), alone(bare, 0.99)),
      wanted: { atMost: 2 },
    },
    { text: "M6 calls per second / L6", ratio: medianRatio(perSecond(own), perSecond(bare)), wanted: { atLeast: 1 } },
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
