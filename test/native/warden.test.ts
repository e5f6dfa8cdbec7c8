// The life of the warden: what it refuses to start with, how tsfnd runs under it, how everything ends, and what a start
// after kill -9 cleans up.

import { chmodSync, existsSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { until } from "../support/until.ts";
import {
  argumentsFor,
  cgroupsOf,
  inside,
  prepareDirectories,
  runWarden,
  spec,
  startWarden,
  wardenPath,
} from "../support/warden.ts";

const id = "0123abcd";

test("a mistake on its command line is told with the flag, the value found and the value wanted", async (t) => {
  const good = argumentsFor(id, "/nowhere/data", ["/bin/true"]);
  const without = (flag: string) => good.toSpliced(good.indexOf(flag), 2);
  const cases: readonly (readonly [string[], RegExp])[] = [
    [[], /--id is "": wanted 8 of 0-9 and a-f/],
    [without("--user"), /--user is "": wanted a uid from 1/],
    [good.with(good.indexOf("--user") + 1, "0"), /--user is "0": wanted a uid from 1/],
    [good.with(good.indexOf("--id") + 1, "../../.."), /--id is "..\/..\/.."/],
    [good.with(good.indexOf("--data-dir") + 1, "relative"), /--data-dir is "relative": wanted an absolute path/],
    [["--frobnicate"], /argument is "--frobnicate": wanted a known flag/],
    [good.slice(0, good.indexOf("--")), /command is ""/],
  ];
  for (const [args, message] of cases) {
    const { code, stderr } = await runWarden(args);
    t.is(code, 2);
    t.regex(stderr, message);
    t.is(stderr.trim().split("\n").length, 1);
  }
});

test("without root it says so and exits with 4", async (t) => {
  // The build lies below directories that only root may enter; the copy does not.
  const dataDir = prepareDirectories(t);
  const { execFileSync } = await import("node:child_process");
  const copy = join(dataDir, "../package/warden");
  execFileSync("cp", [wardenPath, copy]);
  const error = t.throws(() =>
    execFileSync("setpriv", ["--reuid=65534", "--clear-groups", copy, ...argumentsFor(id, dataDir, ["/bin/true"])], {
      stdio: "pipe",
    }),
  ) as Error & { status: number; stderr: Buffer };
  t.is(error.status, 4);
  t.regex(error.stderr.toString(), /runs as uid 65534, wanted 0; run it with sudo/);
});

test("a data directory that others may write to is refused", async (t) => {
  const dataDir = prepareDirectories(t);
  chmodSync(dataDir, 0o777);
  const { code, stderr } = await runWarden(argumentsFor(id, dataDir, ["/bin/true"]));
  t.is(code, 1);
  t.regex(stderr, /cannot open data directory: .*mode 0777, wanted 0 and no write for others/);
});

test("a data directory in use is refused with 6 and the pid that has it", async (t) => {
  const first = await startWarden(t);
  const { code, stderr } = await runWarden(argumentsFor(first.id, first.dataDir, ["/bin/true"]));
  t.is(code, 6);
  t.true(stderr.includes(`${first.dataDir} is in use by process ${first.pid}`), stderr);
  t.is((await first.sandboxes.create(spec())).describe().pid, null);
});

test("a tsfnd that cannot be executed is told, and nothing is left", async (t) => {
  const dataDir = prepareDirectories(t);
  const { code, stderr } = await runWarden(argumentsFor("00c0ffee", dataDir, [join(dataDir, "program/missing")]));
  t.is(code, 1);
  t.regex(stderr, /cannot execute tsfnd: .*program\/missing: No such file or directory/);
  t.deepEqual(cgroupsOf("00c0ffee"), []);
});

test("the warden ends with tsfnd's own status", async (t) => {
  const dataDir = prepareDirectories(t);
  const { code } = await runWarden(argumentsFor("00c0ffe1", dataDir, ["/bin/sh", "-c", "exit 7"]));
  t.is(code, 7);
  t.deepEqual(cgroupsOf("00c0ffe1"), []);
});

test("tsfnd is an ordinary user without a capability, and reads its program below a closed directory", async (t) => {
  const warden = await startWarden(t);
  const status = readFileSync(`/proc/${warden.relayPid}/status`, "utf8");
  t.regex(status, /^Uid:\t61999\t61999\t61999\t61999$/m);
  for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"])
    t.regex(status, new RegExp(`^${set}:\t0{16}$`, "m"));
  t.regex(status, /^NoNewPrivs:\t1$/m);
  t.is(readlinkSync(`/proc/${warden.relayPid}/cwd`), join(warden.dataDir, "program"));
  t.regex(
    readFileSync(`/proc/${warden.relayPid}/mountinfo`, "utf8"),
    new RegExp(`${warden.dataDir}/program ro,nosuid`),
  );
  t.notRegex(readFileSync("/proc/self/mountinfo", "utf8"), new RegExp(warden.dataDir));
});

test("SIGTERM ends everything: instances, groups, mounts", async (t) => {
  const warden = await startWarden(t);
  const sandbox = await warden.sandboxes.create(spec());
  const { pid } = await sandbox.start(inside("wait"));
  const { code, stderr } = await warden.stop();
  t.like({ code, stderr }, { code: 143, stderr: "" });
  t.false(existsSync(`/proc/${pid}`));
  t.deepEqual(cgroupsOf(warden.id), []);
});

test("after kill -9 the kernel ends instances and tsfnd, and the next start removes what is left", async (t) => {
  const warden = await startWarden(t);
  const pids = await Promise.all(
    Array.from({ length: 5 }, async () => {
      const sandbox = await warden.sandboxes.create(spec());
      return (await sandbox.start(inside("wait"))).pid;
    }),
  );
  const empty = await warden.sandboxes.create(spec());
  const { ino } = statSync(empty.describe().cgroups[0] ?? "");
  warden.signal("SIGKILL");
  await warden.ended;
  await warden.client.lost;
  await until("every process is gone", () => [...pids, warden.relayPid].every((pid) => !existsSync(`/proc/${pid}`)));
  t.not(cgroupsOf(warden.id).length, 0);

  const next = await startWarden(t, { after: warden });
  t.is(next.id, warden.id);
  const again = await next.sandboxes.create({ ...spec(), id: empty.id });
  t.not(statSync(again.describe().cgroups[0] ?? "").ino, ino);
  t.is((await next.stop()).code, 143);
  t.deepEqual(cgroupsOf(warden.id), []);
});

test("processes that outlived a crash are killed by the next start, whoever they are", async (t) => {
  const warden = await startWarden(t);
  warden.signal("SIGKILL");
  await warden.ended;
  const { spawn } = await import("node:child_process");
  const { once } = await import("node:events");
  const { mkdirSync, writeFileSync } = await import("node:fs");
  const stray = spawn("sleep", ["600"], { stdio: "ignore" });
  for (const parent of cgroupsOf(warden.id)) {
    if (parent.includes("/devices/")) continue;
    mkdirSync(`${parent}/left`, { recursive: true });
    writeFileSync(`${parent}/left/cgroup.procs`, String(stray.pid));
  }
  const ended = once(stray, "exit");
  const next = await startWarden(t, { after: warden });
  t.deepEqual(await ended, [null, "SIGKILL"]);
  await next.stop();
  t.deepEqual(cgroupsOf(warden.id), []);
});
