// M12: what is there already costs the next call nothing. A cold start beside 500 idle instances against one beside one; a
// warm call among 5,000 deployed functions against one of a server that has no other.

import { join } from "node:path";
import { type FunctionVersion, openCatalog } from "../../runtime/catalog/index.ts";
import { until } from "../../test/support/until.ts";
import { holdCalls } from "../load/held.ts";
import { driveOneByOne, latenciesOf } from "../load/paced.ts";
import type { Report } from "../report.ts";
import type { ScenarioOptions } from "../scenario.ts";
import { medianRatio, percentileOfCounts } from "../statistics.ts";
import { goneAtOnce, startTsfn, type Tsfn, untilQuiet } from "../tsfn.ts";
import { takeTurns } from "../turns.ts";

const manyFunctions = 5_000;
/** Longer than it takes until all are there; the callers hang up then. */
const holdMs = 100_000;
const callSeconds = 1;

export async function runFlat({ rounds, quick, owner }: ScenarioOptions): Promise<Report> {
  const many = quick ? 100 : 500;
  const { few, crowded } = await besideInstances(owner, many, rounds);
  const { alone, among } = await amongFunctions(owner, quick ? 1 : 5);
  const subject = (name: string, measure: string, unit: "ms" | "µs", samples: readonly number[]) => ({
    name,
    measures: [{ name: measure, unit, samples }],
  });
  return {
    title: `flat over instances and functions: ${rounds} cold starts, ${alone.length} × ${callSeconds} s of warm calls`,
    setup: [
      `functions/hello from its zygote, beside 1 idle instance of functions/hold, then ${many}, then 1 again, on one server`,
      `functions/ping on a server of its own, in turns with one on a server with ${manyFunctions} functions more, none of them called`,
    ],
    subjects: [
      subject("beside 1 instance", "cold start", "ms", few),
      subject(`beside ${many} instances`, "cold start", "ms", crowded),
      subject("1 function", "warm call, p50", "µs", alone),
      subject(`${manyFunctions + 1} functions`, "warm call, p50", "µs", among),
    ],
    claims: [
      {
        text: `M12 cold start beside ${many} idle instances / beside 1`,
        ratio: medianRatio(crowded, few),
        wanted: { atMost: 1.2 },
      },
      {
        text: `M12 warm call among ${manyFunctions} functions / alone`,
        ratio: medianRatio(among, alone),
        wanted: { atMost: 1.05 },
      },
    ],
    notes: [],
  };
}

/** Half of the rounds beside one come before, half after: what the machine does in the meantime meets both sides. */
async function besideInstances(owner: AsyncDisposableStack, many: number, rounds: number) {
  const tsfn = await startTsfn(owner, ["--max-instances", String(many + 50)]);
  await tsfn.deploy("hello", "hello", { prefork: "function", ...goneAtOnce });
  const few: number[] = [];
  const crowded: number[] = [];
  await hold(tsfn, 1);
  await coldStarts(tsfn, rounds / 2, few);
  await hold(tsfn, many);
  await coldStarts(tsfn, rounds, crowded);
  await hold(tsfn, 1);
  await coldStarts(tsfn, rounds / 2, few);
  return { few, crowded };
}

/** Deployed anew, none is left of those before. */
async function hold(tsfn: Tsfn, count: number): Promise<void> {
  const scaling = { max: count, idleTimeout: "1h" };
  await tsfn.deploy("hold", "hold", { prefork: "function", scaling, env: { COUNT: String(count) } });
  (await holdCalls(tsfn.port(), `/function/hold?ms=${holdMs}`, count)).release();
  await until(`${count} instances are idle`, async () => {
    const all = await tsfn.instances("hold");
    return all.length === count && all.every(({ state }) => state === "idle");
  });
  await untilQuiet(tsfn.readCpuUs);
}

async function coldStarts(tsfn: Tsfn, rounds: number, into: number[]): Promise<void> {
  const warmUp = 2;
  for (let round = -warmUp; round < rounds; round += 1) {
    await tsfn.settle("hello");
    const { wallMs } = await tsfn.callCold("hello");
    if (round >= 0) into.push(wallMs);
  }
}

async function amongFunctions(owner: AsyncDisposableStack, rounds: number) {
  const [lonely, crowd] = [await startTsfn(owner), await startTsfn(owner)];
  for (const tsfn of [lonely, crowd]) await tsfn.deploy("ping", "ping", { scaling: { idleTimeout: "1h" } });
  await addFunctions(crowd, manyFunctions);
  const calling = (tsfn: Tsfn) => async () => {
    await untilQuiet(tsfn.readCpuUs);
    const calls = await driveOneByOne(`${tsfn.server.url()}/function/ping`, callSeconds);
    return { cold: calls.filter(({ cold }) => cold).length, p50: percentileOfCounts(latenciesOf(calls), 0.5) };
  };
  const contenders = new Map([
    ["alone", calling(lonely)],
    ["among", calling(crowd)],
  ]);
  const taken = await takeTurns(contenders, { rounds, warmUpRounds: 1 });
  const p50Of = (name: string) =>
    (taken.get(name) ?? []).map(({ cold, p50 }) => {
      if (cold > 0) throw new Error(`${cold} calls of ping were cold; wanted none`);
      return p50;
    });
  return { alone: p50Of("alone"), among: p50Of("among") };
}

/** Into the catalog of the stopped server: to deploy so many one after another would take most of an hour. */
async function addFunctions({ server }: Tsfn, count: number): Promise<void> {
  await server.stop();
  const catalog = await openCatalog(join(server.dataDir, "state"), { durability: "none" });
  try {
    const ping = catalog.current("ping");
    if (ping === undefined) throw new Error("ping is not in the catalog of the server that it was deployed to");
    for (let index = 0; index < count; index += 1) {
      const name = `ping-${index}`;
      const number = await catalog.reserve(name);
      const version: FunctionVersion = { ...ping, function: name, number, manifest: { ...ping.manifest, name } };
      await catalog.publish(version);
    }
  } finally {
    await catalog.close();
  }
  await server.start();
  const { functions } = await server.ask<{ functions: readonly unknown[] }>("/v1/functions");
  if (functions.length !== count + 1)
    throw new Error(`the server has ${functions.length} functions; wanted ${count + 1}`);
}
