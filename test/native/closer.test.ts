// The closer: what takes long to free is freed by it while the warden goes on; whoever must wait for that does, and when
// it dies nobody waits for ever. It is stopped here, so that what waits for it shows.

import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { Sandbox } from "../../runtime/sandbox/index.ts";
import { isAlive, readProcess } from "../support/processes.ts";
import { until } from "../support/until.ts";
import { childrenOf, inside, spec, startWarden, type TestWarden } from "../support/warden.ts";

const closerOf = (warden: TestWarden): number | undefined =>
  childrenOf(warden.pid).find((pid) => readProcess(pid)?.name === "tsfn-closer");

interface Scene {
  readonly warden: TestWarden;
  readonly sandbox: Sandbox;
  /** Its writable layer, from outside. */
  readonly written: string;
  readonly closer: number;
}

/** @param memoryBytes of the sandbox; its layer holds 40 MiB, which the test has written */
async function stopCloser(t: ExecutionContext, memoryBytes: number): Promise<Scene> {
  const warden = await startWarden(t);
  const sandbox = await warden.sandboxes.create(spec({ memoryBytes, diskBytes: 64 << 20 }));
  const { pid } = await sandbox.start(inside("echo"));
  const written = join("/proc", String(pid), "root/tmp");
  writeFileSync(join(written, "much"), Buffer.alloc(40 << 20));
  const closer = closerOf(warden) ?? 0;
  process.kill(closer, "SIGSTOP");
  await until("the closer is stopped", () => readProcess(closer)?.state === "T");
  return { warden, sandbox, written, closer };
}

/** Whether it is settled once the warden has answered something that was asked later. */
async function isAnswered(warden: TestWarden, promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = () => {
    settled = true;
  };
  promise.then(note, note);
  const other = await warden.sandboxes.create(spec());
  await other.usage();
  return settled;
}

test("a reset does not wait for the closer, and a destroy does", async (t) => {
  const { warden, sandbox, written, closer } = await stopCloser(t, 256 << 20);
  for (let round = 0; round < 10; round += 1) {
    await sandbox.resetLayer();
    t.deepEqual(readdirSync(written), []);
    writeFileSync(join(written, "again"), "x");
  }
  const gone = sandbox.destroy();
  t.false(await isAnswered(warden, gone));
  process.kill(closer, "SIGCONT");
  await t.notThrowsAsync(gone);
});

test("where memory is short a reset is answered when the old layer is gone", async (t) => {
  const { warden, sandbox, closer } = await stopCloser(t, 32 << 20);
  const reset = sandbox.resetLayer();
  t.false(await isAnswered(warden, reset));
  process.kill(closer, "SIGCONT");
  await t.notThrowsAsync(reset);
  await sandbox.destroy();
});

test("old layers do not pile up: past 64 of them a reset waits, and then goes on by itself", async (t) => {
  const { warden, sandbox, written, closer } = await stopCloser(t, 256 << 20);
  for (let round = 0; round < 64; round += 1) await sandbox.resetLayer();
  writeFileSync(join(written, "late"), "x");
  const late = sandbox.resetLayer();
  t.false(await isAnswered(warden, late));
  t.deepEqual(readdirSync(written), ["late"]);
  process.kill(closer, "SIGCONT");
  await late;
  t.deepEqual(readdirSync(written), []);
  await sandbox.destroy();
});

test("kill -9 of the closer: who waits is answered, and the next one has another", async (t) => {
  const { warden, sandbox, written, closer } = await stopCloser(t, 32 << 20);
  const reset = sandbox.resetLayer();
  t.false(await isAnswered(warden, reset));
  process.kill(closer, "SIGKILL");
  await t.notThrowsAsync(reset);
  t.false(isAlive(closer));
  writeFileSync(join(written, "again"), "x");
  await sandbox.resetLayer();
  t.deepEqual(readdirSync(written), []);
  t.not(await until("there is another", () => closerOf(warden)), closer);
  await sandbox.destroy();
});

test("a reset that waits when its sandbox is destroyed fails, and nothing is left", async (t) => {
  const { warden, sandbox, closer } = await stopCloser(t, 32 << 20);
  const reset = sandbox.resetLayer();
  t.false(await isAnswered(warden, reset));
  const gone = sandbox.destroy();
  await t.throwsAsync(reset, { code: "SANDBOX_FAILED", message: /is being destroyed/ });
  process.kill(closer, "SIGCONT");
  await gone;
  t.like(await warden.stop(), { code: 143, stderr: "" });
});

test("a stopped closer does not keep the warden from ending", async (t) => {
  const { warden, sandbox } = await stopCloser(t, 256 << 20);
  await sandbox.resetLayer();
  t.like(await warden.stop(), { code: 143, signal: null });
});
