// What a call leaves behind: garbage that the next scavenge takes away, on both sides of the wire. One object that V8 ties to an
// old one keeps all of a call until a full collection, and every scavenge in between copies it (docs/decisions/0016).

import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import test from "ava";
import { openTestRuntime } from "../support/test-runtime.ts";
import { startWarden } from "../support/warden.ts";

const source = `
  import { setFlagsFromString } from "node:v8";
  import { runInNewContext } from "node:vm";
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc");
  export default { async fetch(request, env, ctx) {
    if (!request.url.endsWith("/heap")) return new Response("pong" + ctx.requestId);
    gc({ type: "minor" });
    return new Response(String(process.memoryUsage().heapUsed));
  } };`;

/** Of both sides together a call needs some 20 KB; a chain keeps more than 1.2 KB of it on either. */
const calls = 5_000;
const fewBytes = 1_000;

test("nothing of a call outlives the next scavenge, neither in tsfnd nor in the guest", async (t) => {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as (options: { readonly type: "minor" }) => void;
  const { deploy, text } = await openTestRuntime(t, { warden: await startWarden(t) });
  await deploy("tidy", source, { scaling: { max: 1 } });
  const run = async (count: number) => {
    for (let done = 0; done < count; done += 20) {
      await Promise.all(Array.from({ length: 20 }, () => text("tidy", { url: "http://h/" })));
    }
  };
  const heaps = async () => {
    gc({ type: "minor" });
    return { tsfnd: process.memoryUsage().heapUsed, guest: Number(await text("tidy", { url: "http://h/heap" })) };
  };
  // What is compiled meanwhile grows as well.
  await run(3 * calls);
  let before = await heaps();
  const kept = { tsfnd: 0, guest: 0 };
  // A full collection may fall into one round; the worst of some counts.
  for (let round = 0; round < 4; round += 1) {
    await run(calls);
    const after = await heaps();
    const grownBy = { tsfnd: (after.tsfnd - before.tsfnd) / calls, guest: (after.guest - before.guest) / calls };
    t.log("bytes that stay of each call:", grownBy);
    kept.tsfnd = Math.max(kept.tsfnd, grownBy.tsfnd);
    kept.guest = Math.max(kept.guest, grownBy.guest);
    before = after;
  }
  t.true(kept.tsfnd < fewBytes, `tsfnd keeps ${kept.tsfnd} bytes of a call`);
  t.true(kept.guest < fewBytes, `the guest keeps ${kept.guest} bytes of a call`);
});
