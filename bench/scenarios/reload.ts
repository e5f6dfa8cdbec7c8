// M9: from a save under `tsfn dev` to the first answer of the new code, while somebody goes on calling the function. A call that
// fails, or is answered by code that has been replaced, fails the scenario.

import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { now } from "../../runtime/trace.ts";
import { example } from "../../test/support/function-directory.ts";
import { type Deployment, type Dev, startDev } from "../dev.ts";
import { type Call, callAgainAndAgain } from "../keep-alive-callers.ts";
import { makePlace } from "../place.ts";
import type { Report } from "../report.ts";
import type { ScenarioOptions } from "../scenario.ts";
import { percentileRatio } from "../statistics.ts";

const promisedMs = 200;
const warmUpSaves = 3;
/** Between an answer and the next call: calls come all the time, but do not keep a core busy. */
const betweenCallsMs = 5;
const patienceMs = 20_000;

export async function runReload({ rounds, owner }: ScenarioOptions): Promise<Report> {
  const directory = join(makePlace(owner), "hello");
  cpSync(example("hello"), directory, { recursive: true });
  const dev = await startDev(owner, directory);
  const audience = attend(dev.port);
  const saves: Save[] = [];
  try {
    for (let round = -warmUpSaves; round < rounds; round += 1) {
      const save = await audience.untilServed(dev, join(directory, "index.ts"), `Hello ${round + warmUpSaves + 1}`);
      if (round >= 0) saves.push(save);
      // People do not save in step with anything.
      await pause(150 + ((round * 37) % 100));
    }
  } finally {
    await audience.leave();
  }
  const served = saves.map(({ servedMs }) => servedMs);
  const stage = (name: string, of: (deployment: Deployment) => number) => ({
    name,
    unit: "ms" as const,
    samples: saves.map(({ deployment }) => of(deployment)),
  });
  return {
    title: `tsfn dev of functions/hello: ${rounds} saves, each to the first answer of the new code`,
    setup: [
      `from before the file is written to the last byte of the first new answer; one caller, ${betweenCallsMs} ms after each answer`,
      "deployed, store and warm-up as `tsfn dev --json` tells them, from the moment that it saw the change",
    ],
    subjects: [
      { name: "save to served", measures: [{ name: "wall", unit: "ms", samples: served }] },
      {
        name: "of it",
        measures: [
          stage("deployed", ({ tookMs }) => tookMs),
          stage("store", ({ storeMs }) => storeMs),
          stage("warm-up", ({ warmMs }) => warmMs),
        ],
      },
    ],
    claims: [0.5, 0.95].map((fraction) => ({
      text: `M9 save to served, p${fraction * 100} / ${promisedMs} ms`,
      ratio: percentileRatio(served, fraction, promisedMs),
      wanted: { atMost: 1 },
    })),
    notes: [`calls meanwhile: ${audience.calls()}, none of them failed`],
  };
}

interface Save {
  readonly servedMs: number;
  readonly deployment: Deployment;
}

interface Audience {
  calls(): number;
  /** Saves the function so that it greets with these words. */
  untilServed(dev: Dev, file: string, greeting: string): Promise<Save>;
  leave(): Promise<void>;
}

/** Calls again and again, and knows what may be answered. */
function attend(port: number): Audience {
  let [current, awaited] = ["Hello", "Hello"];
  let calls = 0;
  let here = true;
  let onServed: (atMs: number) => void = () => undefined;
  const hear = (_nonce: string, { status, document: { message } }: Call<{ message?: string }>): void => {
    calls += 1;
    const isNew = message === `${awaited}, world!`;
    if (status !== 200 || (!isNew && message !== `${current}, world!`)) {
      throw new Error(`a call was answered ${status} "${message}"; wanted "${current}" or "${awaited}" of the world`);
    }
    if (!isNew) return;
    current = awaited;
    onServed(now());
  };
  const calling = callAgainAndAgain(
    { port, callers: 1, patienceMs, pauseMs: betweenCallsMs },
    () => here,
    () => "/function/hello",
    hear,
  );
  // Told by whoever waits for an answer, or by the one who leaves.
  calling.catch(() => undefined);
  return {
    calls: () => calls,
    async untilServed(dev, file, greeting) {
      const deployed = dev.nextDeployment();
      const source = readFileSync(file, "utf8");
      const served = new Promise<number>((resolve) => {
        onServed = resolve;
      });
      awaited = greeting;
      const savedAtMs = now();
      writeFileSync(file, source.replace(/message: `[^,]*,/, `message: \`${greeting},`));
      const late = pause(patienceMs, undefined, { ref: false });
      const atMs = await Promise.race([served, calling, late, dev.ended]);
      if (atMs === undefined) throw new Error(`"${greeting}" was saved and not served in ${patienceMs} ms`);
      onServed = () => undefined;
      return { servedMs: atMs - savedAtMs, deployment: await deployed };
    },
    async leave() {
      here = false;
      await calling;
    },
  };
}
