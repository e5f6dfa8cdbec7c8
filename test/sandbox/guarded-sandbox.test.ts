// The guard around a real sandbox: destroy is for ever, and harmless to repeat.

import test from "ava";
import { inside, shareWarden, spec, startWarden, type TestWarden } from "../support/warden.ts";

let warden: TestWarden;
shareWarden(test, (shared) => {
  warden = shared;
});

test("destroy may be called as often as anyone likes, and is done once", async (t) => {
  const sandbox = await warden.sandboxes.create(spec());
  await t.notThrowsAsync(Promise.all([sandbox.destroy(), sandbox.destroy(), sandbox.destroy()]));
  await t.notThrowsAsync(sandbox.destroy());
});

test("after destroy every call says so, and kill is content", async (t) => {
  const sandbox = await warden.sandboxes.create(spec());
  await sandbox.destroy();
  const wanted = { code: "SANDBOX_FAILED", message: /has been destroyed/ };
  await t.throwsAsync(sandbox.start(inside("wait")), wanted);
  await t.throwsAsync(sandbox.usage(), wanted);
  await t.throwsAsync(sandbox.setLimits({ memoryBytes: 1 << 26, cpus: 1, pids: 4 }), wanted);
  await t.notThrowsAsync(sandbox.kill());
  t.is(sandbox.describe().id, sandbox.id);
});

test("an id that was taken again is out of the old owner's reach", async (t) => {
  const first = await warden.sandboxes.create(spec());
  await first.destroy();
  const second = await warden.sandboxes.create({ ...spec(), id: first.id });
  const { exited } = await second.start(inside("wait"));
  await first.kill();
  await first.destroy();
  t.is((await second.usage()).pids, 1);
  await second.destroy();
  t.is((await exited).signal, "SIGKILL");
});

test("a second start is refused before it reaches the warden", async (t) => {
  const sandbox = await warden.sandboxes.create(spec());
  await sandbox.start(inside("wait"));
  await t.throwsAsync(sandbox.start(inside("wait")), { code: "SANDBOX_FAILED", message: /has a process already/ });
  await sandbox.destroy();
});

test("when the warden is lost, what ran is reported dead and what is asked fails", async (t) => {
  const lost = await startWarden(t);
  const sandbox = await lost.sandboxes.create(spec());
  const { exited } = await sandbox.start(inside("wait"));
  lost.signal("SIGKILL");
  t.like(await exited, { exitCode: null, signal: "SIGKILL" });
  await t.throwsAsync(sandbox.usage(), { code: "WARDEN_LOST" });
  // The kernel ended the relay; the next start, which removes the groups, is the next one's test.
  const next = await startWarden(t, { after: lost });
  await next.stop();
});
