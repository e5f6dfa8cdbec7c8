// The collections for what comes and goes all the time: they are a Map and a Set in what they answer, and unlike those they
// let go of what was taken out.

import { execFileSync } from "node:child_process";
import test from "ava";
import fc from "fast-check";
import { ChurnMap, ChurnSet } from "../../runtime/churn.ts";

const key = fc.integer({ min: 0, max: 40 });
const step = fc.oneof(
  fc.record({ act: fc.constant("set" as const), key, value: fc.integer() }),
  fc.record({ act: fc.constant("delete" as const), key }),
  fc.record({ act: fc.constant("shift" as const) }),
);

test("a ChurnMap answers as a Map does, in the same order, whatever is done to it", (t) => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const map = new ChurnMap<number, number>();
      const model = new Map<number, number>();
      for (const done of steps) {
        if (done.act === "set") {
          map.set(done.key, done.value);
          model.set(done.key, done.value);
        } else if (done.act === "delete") {
          t.is(map.delete(done.key), model.delete(done.key));
        } else {
          const [first] = model;
          t.deepEqual(map.shift(), first);
          if (first !== undefined) model.delete(first[0]);
        }
        t.deepEqual([map.size, map.first], [model.size, [...model.values()][0]]);
      }
      t.deepEqual(map.entries(), [...model]);
      t.deepEqual(map.values(), [...model.values()]);
      for (let at = 0; at <= 40; at += 1) t.deepEqual([map.has(at), map.get(at)], [model.has(at), model.get(at)]);
    }),
  );
  t.pass();
});

test("a ChurnMap that was cleared is empty and goes on", (t) => {
  const map = new ChurnMap<string, number>();
  map.set("a", 1);
  map.clear();
  t.deepEqual([map.size, map.first, map.shift()], [0, undefined, undefined]);
  map.set("b", 2);
  t.deepEqual(map.entries(), [["b", 2]]);
});

test("a ChurnSet keeps each item once, in order, and tells whether it had it", (t) => {
  const set = new ChurnSet<string>();
  for (const item of ["a", "b", "a", "c"]) set.add(item);
  t.deepEqual([set.size, set.first, set.values()], [3, "a", ["a", "b", "c"]]);
  t.deepEqual([set.delete("a"), set.delete("a")], [true, false]);
  const seen: string[] = [];
  for (const item of set.values()) {
    set.delete("c");
    seen.push(item);
  }
  t.deepEqual([seen, set.values()], [["b", "c"], ["b"]]);
});

test("what went through a ChurnMap is gone with the next scavenge; a Map's is there until a full collection", (t) => {
  const kept = JSON.parse(
    execFileSync(process.execPath, ["--expose-gc", "--initial-heap-size=512", "--input-type=module", "-e", turnover], {
      encoding: "utf8",
    }),
  );
  t.log(kept);
  t.true(kept.churn < kept.went / 20, `${kept.churn} of ${kept.went} bytes`);
  t.true(kept.map > kept.churn * 5, "and V8 does keep them in a Map: else nobody needs this class");
});

/** Prints by how much the heap grew while 32 MB went through a collection that is old itself. */
const turnover = `
  import { ChurnMap } from ${JSON.stringify(new URL("../../runtime/churn.ts", import.meta.url).href)};
  const went = 32 * 2 ** 20;
  const itemBytes = 8 * 1_024;
  function grownBy(collection) {
    let last = 0;
    const add = () => collection.set((last += 1), Array.from({ length: itemBytes / 8 }, (_, at) => at));
    for (let count = 0; count < 16; count += 1) add();
    gc();
    const before = process.memoryUsage().heapUsed;
    for (let count = 0; count < went / itemBytes; count += 1) {
      collection.delete(last - 15);
      add();
    }
    gc({ type: "minor" });
    return process.memoryUsage().heapUsed - before;
  }
  process.stdout.write(JSON.stringify({ went, map: grownBy(new Map()), churn: grownBy(new ChurnMap()) }));
`;
