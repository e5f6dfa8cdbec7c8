// M14: thousands of forks, each of which collects garbage and uses timers, files, zlib, crypto, WebAssembly and fetch.
// Fails with the first one that crashes, hangs or comes to another result than its siblings.

import { isDeepStrictEqual } from "node:util";
import { now } from "../../runtime/trace.ts";
import { callAgainAndAgain } from "../keep-alive-callers.ts";
import type { Report } from "../report.ts";
import type { ScenarioOptions } from "../scenario.ts";
import { startTsfn } from "../tsfn.ts";

const callers = 4;
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
export async function runSoak({ rounds: forks, owner }: ScenarioOptions): Promise<Report> {
  const tsfn = await startTsfn(owner);
  await tsfn.deploy("exercise", "exercise", { reuse: "never", prefork: "function" });
  const answeredMs: number[] = [];
  const startedAtMs = now();
  let begun = 0;
  await callAgainAndAgain(
    { port: tsfn.port(), callers, patienceMs: 30_000 },
    () => {
      begun += 1;
      return begun <= forks;
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
    claims: [],
    notes: [],
  };
}
