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

test.serial(
  "what two clones have copied of their zygote's memory is there in the next ones before they ask",
  async (t) => {
    const [first, second, third] = [await zygote.fork(), await zygote.fork(), await zygote.fork()];
    const alone = Math.min(await faultsOfAnswer(first), await faultsOfAnswer(third));
    for (const { sandbox } of [first, third]) await sandbox.shareWorkingSet();
    const helped = await until("a clone has few faults", async () => {
      const taught = await zygote.fork();
      const faults = await faultsOfAnswer(taught);
      t.is(await taught.ask("self"), "1000 /app claimed 40");
      await taught.sandbox.destroy();
      return faults * 2 < alone && faults;
    });
    // One that was there before is not changed.
    t.true((await faultsOfAnswer(second)) > helped);
    for (const { sandbox } of [first, second, third]) await sandbox.destroy();
  },
);

/** KiB of memory that a clone has for itself. */
function ownKib({ process }: Clone): number {
  const rollup = readFileSync(`/proc/${process.pid}/smaps_rollup`, "utf8");
  return Number(/^Private_Dirty: +(\d+) kB$/m.exec(rollup)?.[1]);
}

/** What clones have at their birth after two did these acts and taught, and what those two had. */
async function kibAfterLessonsOf(acts: readonly [string, string]) {
  const taught = await startZygote(warden);
  const clones = [await taught.fork(), await taught.fork()];
  const [untaught] = clones.map(ownKib);
  for (const [at, { ask, sandbox }] of clones.entries()) {
    await ask(acts[at] ?? "");
    await ask("self");
    await sandbox.shareWorkingSet();
  }
  const born = await until("the next ones have learnt", async () => {
    const next = await taught.fork();
    const kib = ownKib(next);
    await next.sandbox.destroy();
    return kib > (untaught ?? 0) + 200 && kib;
  });
  const had = clones.map(ownKib);
  for (const { sandbox } of [...clones, taught]) await sandbox.destroy();
  return { born, had };
}

test.serial("what only one of two clones has written to is copied by none after them", async (t) => {
  const { born: usual } = await kibAfterLessonsOf(["self", "self"]);
  for (const acts of [
    ["tour", "self"],
    ["self", "tour"],
  ] as const) {
    const { born, had } = await kibAfterLessonsOf(acts);
    t.true(Math.max(...had) > 2 * usual, `one of two has more than twice as much: ${had}, usual is ${usual}`);
    t.true(born < usual * 1.3, `${born}, usual is ${usual}`);
  }
});

test.serial("every search of a clone that is destroyed meanwhile comes to an end", async (t) => {
  for (let round = 0; round < 5; round++) {
    const { sandbox } = await zygote.fork();
    const asked = [sandbox.shareWorkingSet(), sandbox.shareWorkingSet(), sandbox.destroy()];
    const [end, ...searches] = (await Promise.allSettled(asked)).reverse();
    t.is(end?.status, "fulfilled");
    for (const search of searches) {
      if (search.status === "fulfilled") continue;
      t.regex(search.reason.message, /ended meanwhile|is being searched|is being destroyed|has no clone/);
    }
  }
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
