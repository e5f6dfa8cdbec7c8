// The root for the next reset is made ahead, once an instance has been reset and its old root is gone: it is as fresh as
// one made at once, held once, and goes with the sandbox; without it a reset makes its own.

import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import type { TsfnError } from "../../runtime/errors.ts";
import type { Sandbox } from "../../runtime/sandbox/index.ts";
import { held, holdsNoMore } from "../support/held.ts";
import { withFaultIn } from "../support/kernel-faults.ts";
import { until } from "../support/until.ts";
import { inside, shareWarden, spec, type TestWarden } from "../support/warden.ts";

let warden: TestWarden;
shareWarden(test, (shared) => {
  warden = shared;
});

/** Overlay, /dev, /dev/shm and the writable layer. */
const descriptorsOfOne = 4;

async function start(): Promise<{ sandbox: Sandbox; root: string }> {
  const sandbox = await warden.sandboxes.create(spec());
  const { pid } = await sandbox.start(inside("echo"));
  return { sandbox, root: `/proc/${pid}/root` };
}

async function descriptors(): Promise<number> {
  return ((await held(warden)) as { descriptors: number }).descriptors;
}

async function holds(count: number): Promise<void> {
  await until(`the warden holds ${count} descriptors`, async () => (await descriptors()) === count);
}

/** What a function could tell a layer by. */
function looksOf(root: string) {
  const paths = ["", "dev", "dev/shm", "sys", "tmp", "run", "run/secrets", "app"];
  return paths.map((path) => {
    const { mode, uid, gid, nlink } = statSync(join(root, path));
    return { path, mode, uid, gid, nlink, names: readdirSync(join(root, path)) };
  });
}

function write(root: string): void {
  for (const path of ["tmp", "app", "dev/shm"]) writeFileSync(join(root, path, "file"), "x");
}

test.serial("it is there after the first reset, is used by the next one, and goes with its sandbox", async (t) => {
  const before = await held(warden);
  const { sandbox, root } = await start();
  const running = await descriptors();
  const looks = looksOf(root);
  for (let round = 0; round < 3; round += 1) {
    write(root);
    await sandbox.resetLayer();
    t.deepEqual(looksOf(root), looks, `round ${round}`);
    await holds(running + descriptorsOfOne);
  }
  const { layerFreeInodes } = await sandbox.usage();
  // A reset that finds it needs no new file system.
  await withFaultIn([warden.pid], "fsopen:error=ENODEV", async () => {
    write(root);
    await sandbox.resetLayer();
    t.deepEqual(looksOf(root), looks);
    t.is((await sandbox.usage()).layerFreeInodes, layerFreeInodes);
    await holds(running);
    const { fields } = await t.throwsAsync<TsfnError>(sandbox.resetLayer(), { code: "SANDBOX_FAILED" });
    t.is((fields.cause as { step?: string }).step, "make the writable layer");
  });
  write(root);
  await sandbox.resetLayer();
  t.deepEqual(looksOf(root), looks);
  await holds(running + descriptorsOfOne);
  await sandbox.destroy();
  await holdsNoMore(t, warden, before);
});

test.serial("a swap that cannot begin leaves nothing of it, and the next reset makes another", async (t) => {
  const before = await held(warden);
  const { sandbox, root } = await start();
  const running = await descriptors();
  await sandbox.resetLayer();
  await holds(running + descriptorsOfOne);
  write(root);
  await withFaultIn([warden.pid], "setns:error=EPERM", async () => {
    await t.throwsAsync(sandbox.resetLayer(), { code: "SANDBOX_FAILED" });
  });
  await sandbox.resetLayer();
  t.deepEqual(readdirSync(join(root, "tmp")), []);
  await holds(running + descriptorsOfOne);
  await sandbox.destroy();
  await holdsNoMore(t, warden, before);
});

test.serial("none is made for a sandbox that ends, or was never reset", async (t) => {
  const before = await held(warden);
  for (let round = 0; round < 5; round += 1) {
    const { sandbox } = await start();
    if (round > 0) await sandbox.resetLayer();
    await sandbox.destroy();
  }
  await holdsNoMore(t, warden, before);
  const { sandbox } = await start();
  const running = await descriptors();
  await sandbox.usage();
  t.is(await descriptors(), running);
  await sandbox.destroy();
});
