// What a follower costs: the text of what it may lag behind, in bytes, whatever the records are as objects and however slowly
// it reads.

import { once } from "node:events";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import test from "ava";
import { temporaryDirectory } from "../support/function-directory.ts";

for (const pace of ["quick", "slow"] as const) {
  test(`a ${pace} follower of dense lines needs little memory and misses nothing`, async (t) => {
    const workerData = { dir: temporaryDirectory(t), pace };
    const resourceLimits = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 8 };
    const worker = new Worker(join(import.meta.dirname, "following-worker.ts"), { workerData, resourceLimits });
    const [{ appended, first, last, gaps }] = await once(worker, "message");
    t.deepEqual({ first, last, gaps }, { first: 1, last: appended, gaps: 0 });
  });
}
