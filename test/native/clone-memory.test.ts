// The memory that a clone has of its zygote: how it lies, and what of it is there before the clone asks for it.

import test from "ava";
import { startWarden, type TestWarden } from "../support/warden.ts";
import { addNodeLayer, startZygote, type TestZygote } from "../support/zygote.ts";

let warden: TestWarden;
let zygote: TestZygote;
const undo: (() => unknown)[] = [];

test.before(async () => {
  warden = await startWarden({ teardown: (step) => undo.unshift(step) });
  await addNodeLayer(warden);
  zygote = await startZygote(warden);
});

test.after.always(async () => {
  for (const step of undo) await step();
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
