// The fork of an older Node, whose V8 and whose internals are others than those that zygote.test.ts forks: that a clone of it
// works, lies together in memory, and ends as it should.

import test from "ava";
import { held, holdsNoMore } from "../support/held.ts";
import { printed, type TestWarden } from "../support/warden.ts";
import { shareZygote, type TestZygote } from "../support/zygote.ts";

let warden: TestWarden;
let zygote: TestZygote;
shareZygote(
  test,
  (shared) => {
    ({ warden, zygote } = shared);
  },
  "node24",
);

test.serial("a clone of Node 24 works, in fresh layers too", async (t) => {
  const { sandbox, ask } = await zygote.fork();
  t.is(await ask("self"), "1000 /app claimed 40");
  for (let round = 0; round < 10; round++) {
    t.regex(await ask("tour"), /^[0-9a-f]{32} true served$/);
    t.is(await ask("mark"), "seen");
    await sandbox.resetLayer();
    t.is(await ask("mark"), "fresh");
  }
  await sandbox.destroy();
});

test.serial("a clone's heap lies together under Node 24, too", async (t) => {
  const { sandbox, ask } = await zygote.fork();
  const [objects, mappings] = (await ask("heap")).split(" ").map(Number);
  t.is(objects, 1_000_000);
  t.true(Number(mappings) < 100, String(mappings));
  await sandbox.destroy();
});

for (const [word, exitCode] of [
  ["exit", 7],
  ["throw", 1],
] as const) {
  test.serial(`a clone of Node 24 that is told to ${word} ends with its own status`, async (t) => {
    const { sandbox, process, tell } = await zygote.fork();
    const complaint = printed(process.stderr);
    tell(word);
    t.like(await process.exited, { exitCode, signal: null });
    if (word === "throw") t.regex(await complaint, /Error: thrown/);
    await sandbox.destroy();
  });
}

test.serial("80 clones of Node 24 come, collect garbage, answer and go", async (t) => {
  const before = await held(warden);
  for (let round = 0; round < 2; round++) {
    const clones = await Promise.all(Array.from({ length: 40 }, () => zygote.fork()));
    for (const { ask } of clones) t.regex(await ask("tour"), /served$/);
    await Promise.all(clones.map(({ sandbox }) => sandbox.destroy()));
  }
  await holdsNoMore(t, warden, before);
});
