// M14: thousands of forks, each of which collects garbage and uses timers, files, zlib, crypto, WebAssembly and fetch.
// Fails with the first one that crashes, hangs or comes to another result than its siblings.

import { isDeepStrictEqual } from "node:util";
import { now } from "../../runtime/trace.ts";
import { callAgainAndAgain } from "../keep-alive-callers.ts";
import type { Report } from "../report.ts";
import type { ScenarioOptions } from "../scenario.ts";
import { startTsfn } from "../tsfn.ts";

const callers = 4;
/** So many seconds at most: on a slow machine fewer forks must do, and the report says how many. */
const limitS = { full: 200, quick: 8 };
const wanted = {
  collected: true,
  waited: true,
  file: "file",
  inflated: "zlib",
  key: "07e6997180cf7f12904f04100d405d34",
  sum: 42,
  fetched: "fetch",
};

/** `rounds` are forks. */
export async function runSoak({ rounds: forks, quick, owner }: ScenarioOptions): Promise<Report> {
  const tsfn = await startTsfn(owner);
  await tsfn.deploy("exercise", "exercise", { reuse: "never", prefork: "function" });
  const answeredMs: number[] = [];
  const startedAtMs = now();
  let begun = 0;
  await callAgainAndAgain(
    { port: tsfn.port(), callers, patienceMs: 30_000 },
    () => {
      begun += 1;
      return begun <= forks && now() - startedAtMs < 1_000 * (quick ? limitS.quick : limitS.full);
    },
    () => "/function/exercise",
    (nonce, { status, document }) => {
      if (status !== 200 || !isDeepStrictEqual(document, wanted))
        throw new Error(`fork ${nonce} of ${answeredMs.length} answered ${status} ${JSON.stringify(document)}`);
      answeredMs.push(now());
    },
  );
  return {
    title: `${answeredMs.length} forks, each used all of Node: none crashed, none hung`,
    setup: [`functions/exercise with reuse: "never", prefork: "function"; ${callers} callers`],
    subjects: [
      {
        name: "tsfn",
        measures: [{ name: "forks", unit: "/s", samples: [(answeredMs.length * 1_000) / (now() - startedAtMs)] }],
      },
    ],
    claims: [
      {
        text: `M14 forks that crashed or hung, of ${answeredMs.length}`,
        // The first would have ended the scenario. With none seen, 95 % say that there are at most so many (rule of three).
        ratio: { value: 0, low: 0, high: 3 / answeredMs.length },
        wanted: { atMost: 0 },
      },
    ],
    notes: [],
  };
}
