// What a test's warden holds of the machine: as much after a test as before it.

import { readdirSync, readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import type { ExecutionContext } from "ava";
import { until } from "./until.ts";
import { cgroupsOf, childrenOf, type TestWarden } from "./warden.ts";

/**
 * Everything of a warden that a failure could leave behind, once it holds still: what comes after an answer, such as
 * closing the descriptors that were handed over, may not have happened when the answer is here.
 */
export function held(warden: TestWarden): Promise<unknown> {
  let last: unknown;
  return until("the warden holds still", () => {
    const earlier = last;
    last = holdings(warden);
    return isDeepStrictEqual(last, earlier) && last;
  });
}

/** It holds what it held before, or soon will. */
export async function holdsNoMore(t: ExecutionContext, warden: TestWarden, before: unknown): Promise<void> {
  let last: unknown;
  const isAsBefore = () => {
    last = holdings(warden);
    return isDeepStrictEqual(last, before);
  };
  // What differs says more than that time ran out.
  await until("the warden holds what it held", isAsBefore).catch(() => undefined);
  t.deepEqual(last, before);
}

function holdings({ pid, id, dataDir }: TestWarden) {
  const groupsIn = (path: string) => readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    // Its own: what the machine mounts meanwhile shows up there, too.
    mounts: readFileSync(`/proc/${pid}/mountinfo`, "utf8").match(new RegExp(` ${dataDir}/.*`, "g")),
    children: childrenOf(pid).length,
    groups: cgroupsOf(id).map((path) => groupsIn(path).length),
  };
}
