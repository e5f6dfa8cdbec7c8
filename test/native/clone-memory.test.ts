// The memory that a clone has of its zygote: how it lies, and what of it is there before the clone asks for it.

import { readFileSync } from "node:fs";
import test from "ava";
import { until } from "../support/until.ts";
import { inside, spec, type TestWarden } from "../support/warden.ts";
import { type Clone, shareZygote, startZygote, type TestZygote } from "../support/zygote.ts";

let warden: TestWarden;
let zygote: TestZygote;
shareZygote(test, (shared) => {
  ({ warden, zygote } = shared);
});

test.serial("a clone's heap lies together, and nothing of how that is done is in its environment", async (t) => {
  const { sandbox, ask } = await zygote.fork();
  const [, objects, mappings, environment] = /^(\d+) (\d+) ?(.*)$/.exec(await ask("heap")) ?? [];
  t.is(objects, "1000000");
  // Of 300 pieces and more.
  t.true(Number(mappings) < 100, mappings);
  t.is(environment, "");
  await sandbox.destroy();
});

/** Minor faults so far. */
const faultsOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ")[7]);

/** Faults of a clone between its birth and its first answer. */
async function faultsOfAnswer({ ask, process }: Clone): Promise<number> {
  const before = faultsOf(process.pid);
  await ask("self");
  return faultsOf(process.pid) - before;
}

test.serial("what one clone has copied of its zygote's memory is there in the next ones before they ask", async (t) => {
  const [first, second] = [await zygote.fork(), await zygote.fork()];
  const alone = await faultsOfAnswer(first);
  await first.sandbox.shareWorkingSet();
  const helped = await until("a clone has few faults", async () => {
    const taught = await zygote.fork();
    const faults = await faultsOfAnswer(taught);
    t.is(await taught.ask("self"), "1000 /app claimed 40");
    await taught.sandbox.destroy();
    return faults * 2 < alone && faults;
  });
  // One that was there before is not changed.
  t.true((await faultsOfAnswer(second)) > helped);
  for (const { sandbox } of [first, second]) await sandbox.destroy();
});

test.serial("only a clone whose zygote lives has a working set to share", async (t) => {
  const started = await warden.sandboxes.create(spec());
  await started.start(inside("wait"));
  await t.throwsAsync(started.shareWorkingSet(), { code: "SANDBOX_FAILED", message: /has no clone with a zygote/ });
  await started.destroy();
  const other = await startZygote(warden);
  const { sandbox, process } = await other.fork();
  await other.sandbox.kill();
  await other.process.exited;
  await t.throwsAsync(sandbox.shareWorkingSet(), { code: "SANDBOX_FAILED", message: /has no clone with a zygote/ });
  await sandbox.kill();
  await process.exited;
  await t.throwsAsync(sandbox.shareWorkingSet(), { code: "SANDBOX_FAILED" });
  await other.sandbox.destroy();
  await sandbox.destroy();
});
