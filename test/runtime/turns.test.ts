// Turns per name: one after the other for one name, side by side for different ones.

import { setImmediate as tick } from "node:timers/promises";
import test from "ava";
import { Turns } from "../../runtime/turns.ts";

test("what is asked for one name runs in order and never overlaps, failures included", async (t) => {
  const turns = new Turns();
  const seen: string[] = [];
  const act = (label: string, fails: boolean) => async () => {
    seen.push(`${label} begins`);
    await tick();
    seen.push(`${label} ends`);
    if (fails) throw new Error(label);
    return label;
  };
  const results = await Promise.allSettled([
    turns.take("a", act("first", true)),
    turns.take("a", act("second", false)),
    turns.take("a", act("third", false)),
  ]);
  t.deepEqual(
    results.map(({ status }) => status),
    ["rejected", "fulfilled", "fulfilled"],
  );
  t.deepEqual(
    seen,
    ["first", "second", "third"].flatMap((label) => [`${label} begins`, `${label} ends`]),
  );
});

test("different names do not wait for each other", async (t) => {
  const turns = new Turns();
  const held = Promise.withResolvers<void>();
  const slow = turns.take("a", () => held.promise);
  t.is(await turns.take("b", async () => "done"), "done");
  held.resolve();
  await slow;
});
