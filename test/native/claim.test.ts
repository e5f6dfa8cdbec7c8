// A zygote that runs before it is known whose it will be: it is claimed, and finds itself under another root, with another name
// and other limits.

import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { requests } from "../../runtime/warden/index.ts";
import { held, holdsNoMore } from "../support/held.ts";
import { inside, layer, spec, type TestWarden } from "../support/warden.ts";
import { shareZygote, startZygote, type TestZygote, usualClaim } from "../support/zygote.ts";

let warden: TestWarden;
let zygote: TestZygote;
shareZygote(test, (shared) => {
  ({ warden, zygote } = shared);
});

test.serial("a claimed zygote runs on under another root, name and limits, and can be forked", async (t) => {
  const before = await held(warden);
  const claimed = await startZygote(warden);
  const { pid } = claimed.process;
  const clean = (await claimed.sandbox.usage()).layerFreeInodes;
  t.false(readdirSync(`/proc/${pid}/root`).includes("inside"));
  const layers = [layer, ...usualClaim.layers];
  const { memoryBytes, diskInodes, pids } = usualClaim.limits;
  const limits = { ...usualClaim.limits, memoryBytes: memoryBytes / 2, diskInodes: diskInodes + 100, pids: pids + 1 };
  await claimed.sandbox.claim({ hostname: "another", layers, limits });
  t.true(readdirSync(`/proc/${pid}/root`).includes("inside"));
  t.is(execFileSync("nsenter", ["--uts", "--target", String(pid), "hostname"], { encoding: "utf8" }), "another\n");
  t.deepEqual(mountPoints(pid), ["/", "/dev", "/dev/shm", "/proc"]);
  t.is((await claimed.sandbox.usage()).layerFreeInodes, clean + 100);
  t.like(claimed.sandbox.describe(), { layers, limits });
  t.deepEqual(limitOf(claimed, "memory.limit_in_bytes", "memory.max"), [memoryBytes / 2]);
  t.deepEqual(limitOf(claimed, "pids.max"), [pids + 1]);
  const clone = await claimed.fork();
  t.is(await clone.ask("self"), "1000 /app claimed 40");
  t.regex(await clone.ask("tour"), /served$/);
  await clone.sandbox.destroy();
  await claimed.sandbox.destroy();
  await holdsNoMore(t, warden, before);
});

test.serial("claimed again and again it keeps no old root", async (t) => {
  const claimed = await startZygote(warden);
  const before = await held(warden);
  const claims = [[layer, ...usualClaim.layers], usualClaim.layers];
  for (let round = 0; round < 50; round += 1) {
    await claimed.sandbox.claim({ ...usualClaim, layers: claims[round % 2] ?? [] });
    t.is(mountPoints(claimed.process.pid).length, 4);
  }
  // The closer frees the last ones meanwhile.
  await holdsNoMore(t, warden, before);
  await claimed.sandbox.destroy();
});

test.serial("a zygote that cannot be claimed stays where it is", async (t) => {
  const error = await t.throwsAsync(zygote.sandbox.claim({ ...usualClaim, layers: ["0".repeat(64)] }));
  t.like(error?.cause, { step: "open layer" });
  t.deepEqual(mountPoints(zygote.process.pid), ["/", "/dev", "/dev/shm", "/proc"]);
  const clone = await zygote.fork();
  t.is(await clone.ask("mark"), "fresh");
  await clone.sandbox.destroy();
});

test.serial("what is no running zygote, and a claim that makes no sense, is refused", async (t) => {
  const started = await warden.sandboxes.create(spec());
  await started.start(inside("wait"));
  const unstarted = await warden.sandboxes.create(spec({ kind: "zygote", layers: usualClaim.layers }));
  const dead = await startZygote(warden);
  await dead.sandbox.kill();
  await dead.process.exited;
  const claim = (id: string, changes = {}) =>
    warden.client.request(requests.claimZygote(id, { ...usualClaim, ...changes }));
  await t.throwsAsync(claim(started.id), { message: /no zygote/ });
  await t.throwsAsync(claim(unstarted.id), { message: /does not run/ });
  await t.throwsAsync(claim(dead.sandbox.id), { message: /does not run/ });
  await t.throwsAsync(claim("ghost"), { message: /no sandbox ghost/ });
  await t.throwsAsync(claim(zygote.sandbox.id, { layers: [] }), { message: /layers: none/ });
  await t.throwsAsync(claim(zygote.sandbox.id, { hostname: "../x" }), { message: /hostname/ });
  await t.throwsAsync(claim(zygote.sandbox.id, { limits: { ...usualClaim.limits, pids: 0 } }), {
    message: /pids is 0/,
  });
  await Promise.all([started, unstarted, dead.sandbox].map((sandbox) => sandbox.destroy()));
});

function mountPoints(pid: number): string[] {
  const lines = readFileSync(`/proc/${pid}/mountinfo`, "utf8").trim().split("\n");
  return lines.map((line) => line.split(" ")[4] ?? "").sort();
}

/** In the one hierarchy that has the file, by its name in v1 or v2. */
function limitOf({ sandbox }: TestZygote, ...names: readonly string[]): number[] {
  const files = sandbox.describe().cgroups.flatMap((path) => names.map((name) => join(path, name)));
  return files.filter((file) => existsSync(file)).map((file) => Number(readFileSync(file, "utf8")));
}
