// Clone after clone from one zygote, each used and destroyed, many at the same time: all answer, and nothing is left. A few
// hundred; TSFN_FULL=1 makes it ten thousand.

import test from "ava";
import { held, holdsNoMore } from "../support/held.ts";
import { startWarden } from "../support/warden.ts";
import { addNodeLayer, startZygote } from "../support/zygote.ts";

const full = process.env.TSFN_FULL === "1";
const forks = full ? 10_000 : 300;
const atOnce = 8;
/** As many as the server lets a zygote have (runtime/zygote/zygotes.ts). */
const forksOfZygote = 1_000;

test(`${forks} clones come, answer and go, and nothing is left`, async (t) => {
  t.timeout(7 * 60_000);
  const warden = await startWarden(t);
  await addNodeLayer(warden);
  const empty = await held(warden);
  let answered = 0;
  for (let begun = 0; begun < forks; begun += forksOfZygote) {
    const zygote = await startZygote(warden);
    let left = Math.min(forksOfZygote, forks - begun);
    const forkOn = async () => {
      while (left > 0) {
        left -= 1;
        const { sandbox, ask } = await zygote.fork();
        if (answered % forksOfZygote === atOnce) await sandbox.shareWorkingSet();
        t.is(await ask("self"), "1000 /app claimed 40");
        answered += 1;
        await sandbox.destroy();
      }
    };
    await Promise.all(Array.from({ length: atOnce }, forkOn));
    await zygote.sandbox.destroy();
  }
  t.is(answered, forks);
  await holdsNoMore(t, warden, empty);
});
