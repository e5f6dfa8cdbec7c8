// Requests that cannot succeed: each names its step, and afterwards nothing is left of it.

import { existsSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import type { Program, SandboxSpec } from "../../runtime/sandbox/index.ts";
import { requests } from "../../runtime/warden/index.ts";
import { held, holdsNoMore } from "../support/held.ts";
import { inside, shareWarden, spec, type TestWarden } from "../support/warden.ts";

let warden: TestWarden;
shareWarden(test, (shared) => {
  warden = shared;
});

const impossible: readonly (readonly [string, Partial<Parameters<typeof spec>[0]>, string])[] = [
  ["a layer that is not there", { layers: ["0".repeat(64)] }, "open layer"],
  ["an id with a slash", { id: "../x" }, "check request"],
  ["an id in capitals", { id: "X" }, "check request"],
  ["a host name with a dot", { hostname: "a.b" }, "check request"],
  ["a layer that climbs out", { layers: [`../${"a".repeat(61)}`] }, "check request"],
  ["next to no memory", { memoryBytes: 4_096 }, "check request"],
  ["no cpu", { cpus: 0 }, "check request"],
  ["room for no process", { pids: 1 }, "check request"],
  ["too many open files", { openFiles: 1_025 }, "check request"],
];

for (const [what, changes, step] of impossible) {
  test.serial(`${what}: a sandbox fails in the step "${step}" and leaves nothing`, async (t) => {
    const before = await held(warden);
    const error = await t.throwsAsync(warden.sandboxes.create(spec(changes)), { code: "SANDBOX_FAILED" });
    t.like(error?.cause, { step });
    await holdsNoMore(t, warden, before);
  });
}

const unstartable: readonly (readonly [string, Partial<Program>, string])[] = [
  ["a program that is not there", { argv: ["/missing"] }, "execute program"],
  ["a program that is a directory", { argv: ["/tmp"] }, "execute program"],
  ["a working directory that is not there", { cwd: "/missing" }, "enter the working directory"],
  ["a relative program", { argv: ["inside"] }, "check request"],
  ["no program", { argv: [] }, "check request"],
];

for (const [what, changes, step] of unstartable) {
  test.serial(`${what}: a start fails in the step "${step}" and a destroy leaves nothing`, async (t) => {
    const before = await held(warden);
    const sandbox = await warden.sandboxes.create(spec());
    const error = await t.throwsAsync(sandbox.start({ ...inside("wait"), ...changes }), { code: "SANDBOX_FAILED" });
    t.like(error?.cause, { step });
    await sandbox.destroy();
    await holdsNoMore(t, warden, before);
  });
}

test.serial("an id that is in use is refused, and the one that has it lives on", async (t) => {
  const taken: SandboxSpec = spec();
  const sandbox = await warden.sandboxes.create(taken);
  const error = await t.throwsAsync(warden.sandboxes.create(taken), { code: "SANDBOX_FAILED" });
  t.regex(String(error), /EEXIST/);
  await t.notThrowsAsync(sandbox.usage());
  await sandbox.destroy();
});

test.serial("a sandbox takes one process in its life", async (t) => {
  const sandbox = await warden.sandboxes.create(spec());
  await sandbox.start(inside("wait"));
  const again = requests.startInstance(sandbox.id, inside("wait"));
  await t.throwsAsync(warden.client.request(again), { code: "SANDBOX_FAILED", message: /EBUSY/ });
  await sandbox.destroy();
});

test.serial("what is asked of a sandbox that is not there fails, and its destruction succeeds", async (t) => {
  for (const request of [
    requests.usage("ghost"),
    requests.kill("ghost"),
    requests.startInstance("ghost", inside("wait")),
  ]) {
    await t.throwsAsync(warden.client.request<unknown>(request), { code: "SANDBOX_FAILED", message: /ENOENT/ });
  }
  await t.notThrowsAsync(warden.client.request(requests.destroy("ghost")));
});

test.serial("the list tells what lives and in which state", async (t) => {
  const [empty, running] = [await warden.sandboxes.create(spec()), await warden.sandboxes.create(spec())];
  const { pid } = await running.start(inside("wait"));
  const listed = await warden.client.request(requests.list());
  t.deepEqual(
    Object.values(listed).sort((a, b) => a.pid - b.pid),
    [
      { id: empty.id, pid: 0, state: "empty" },
      { id: running.id, pid, state: "running" },
    ],
  );
  await Promise.all([empty.destroy(), running.destroy()]);
});

test.serial("two hundred lives leave the warden as it was", async (t) => {
  const before = await held(warden);
  for (let round = 0; round < 10; round++) {
    const all = await Promise.all(Array.from({ length: 20 }, () => warden.sandboxes.create(spec())));
    await Promise.all(all.map((sandbox) => sandbox.start(inside("wait"))));
    await Promise.all(all.map((sandbox) => sandbox.destroy()));
  }
  await holdsNoMore(t, warden, before);
  t.true(existsSync(join(warden.dataDir, "warden/journal")));
});
