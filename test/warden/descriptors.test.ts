// A reply whose descriptors this process has no room for: only that request fails, and nothing of it is left.

import { execFileSync } from "node:child_process";
import { closeSync, openSync, readdirSync } from "node:fs";
import test, { type ExecutionContext } from "ava";
import { openEgress } from "../../runtime/egress/index.ts";
import { linuxSandboxes } from "../../runtime/sandbox/index.ts";
import { requests } from "../../runtime/warden/index.ts";
import { held, holdsNoMore } from "../support/held.ts";
import { inside, shareWarden, spec, type TestWarden } from "../support/warden.ts";

let warden: TestWarden;
shareWarden(test, (shared) => {
  warden = shared;
});

/** What it takes to run `prlimit` once more, which gives the limit back. */
const forPrlimit = 16;

/** This process may open so many files more until `action` is over. */
async function withRoomFor<Result>(descriptors: number, action: () => Promise<Result>): Promise<Result> {
  const limit = (soft: string) => execFileSync("prlimit", ["--pid", `${process.pid}`, `--nofile=${soft}:`]);
  const before = execFileSync("prlimit", ["--pid", `${process.pid}`, "--nofile", "--output=SOFT", "--noheadings"]);
  const highest = Math.max(...readdirSync("/proc/self/fd").map(Number));
  limit(`${highest + 1 + forPrlimit + descriptors}`);
  const taken: number[] = [];
  try {
    for (;;) taken.push(openSync("/dev/null", "r"));
  } catch {
    for (const fd of taken.splice(-descriptors, descriptors)) closeSync(fd);
  }
  try {
    return await action();
  } finally {
    for (const fd of taken) closeSync(fd);
    limit(before.toString().trim());
  }
}

const noRoom = {
  code: "NO_CAPACITY",
  message: /descriptors.* were wanted.* limit of open files is reached/,
};

/** Of this process. */
const descriptors = () => readdirSync("/proc/self/fd").length;

async function leavesNothing(t: ExecutionContext, action: () => Promise<unknown>): Promise<void> {
  const [before, ownBefore] = [await held(warden), descriptors()];
  for (const room of [0, 1, 2]) await withRoomFor(room, () => t.throwsAsync(action, noRoom));
  t.is(descriptors(), ownBefore);
  await holdsNoMore(t, warden, before);
}

test.serial("a sandbox whose process's ends cannot be received is destroyed", async (t) => {
  await leavesNothing(t, () => warden.sandboxes.create(spec({ layers: [] })));
  t.deepEqual(Object.values(await warden.client.request(requests.list())), []);
  const sandbox = await warden.sandboxes.create(spec({ layers: [] }));
  await sandbox.destroy();
});

test.serial("a process whose ends cannot be received fails its start, and goes with its sandbox", async (t) => {
  await leavesNothing(t, async () => {
    const sandbox = await warden.sandboxes.create(spec());
    await sandbox.start(inside("wait")).finally(() => sandbox.destroy());
  });
});

test.serial("so does a network", async (t) => {
  const egress = openEgress({ openFiles: 60, fault: (error) => t.fail(error.message) });
  const sandboxes = linuxSandboxes(warden.client, egress);
  const access = { functionName: "tested", network: "internet", notice: () => {} } as const;
  await leavesNothing(t, async () => {
    const sandbox = await sandboxes.create(spec());
    await sandbox.openNetwork(access).finally(() => sandbox.destroy());
  });
  egress.reserve();
  t.notThrows(() => egress.reserve());
});

test.serial("the other requests of the same time are answered", async (t) => {
  const sandbox = await warden.sandboxes.create(spec());
  const { wire, tickets, stdout, stderr } = await sandbox.start(inside("wait"));
  await withRoomFor(2, async () => {
    const [made, usage, list] = await Promise.allSettled([
      warden.sandboxes.create(spec({ layers: [] })),
      sandbox.usage(),
      warden.client.request(requests.list()),
    ]);
    t.deepEqual([made.status, usage.status, list.status], ["rejected", "fulfilled", "fulfilled"]);
  });
  await sandbox.destroy();
  tickets?.close();
  for (const stream of [wire, stdout, stderr]) stream.destroy();
});
