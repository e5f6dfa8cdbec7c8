// Forking a real Node into a sandbox: what a clone can do, what it holds and what it is not, how it ends, and what remains
// when its zygote, or the warden, ends in the middle.

import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import test from "ava";
import { requests } from "../../runtime/warden/index.ts";
import { held, holdsNoMore } from "../support/held.ts";
import { until } from "../support/until.ts";
import { cgroupsOf, inside, printed, spec, startWarden, type TestWarden } from "../support/warden.ts";
import {
  addNodeLayer,
  type Clone,
  generic,
  shareZygote,
  startZygote,
  type TestZygote,
  usualClaim,
} from "../support/zygote.ts";

let warden: TestWarden;
let zygote: TestZygote;
shareZygote(test, (shared) => {
  ({ warden, zygote } = shared);
});

const namespaceKinds = ["user", "mnt", "pid", "ipc", "uts", "net", "cgroup", "time"] as const;

const field = (pid: number, name: string): string =>
  new RegExp(`^${name}:\\s*(.*)$`, "m").exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";

const link = (pid: number, name: string): string => readlinkSync(`/proc/${pid}/${name}`);

async function withClone<Result>(use: (clone: Clone) => Promise<Result>): Promise<Result> {
  const clone = await zygote.fork();
  try {
    return await use(clone);
  } finally {
    await clone.sandbox.destroy();
  }
}

test.serial("a clone collects garbage, waits, reads, packs, derives, compiles and fetches", async (t) => {
  await withClone(async ({ ask }) => t.regex(await ask("tour"), /^[0-9a-f]{32} true served$/));
});

test.serial("a clone is the function's user, in /app, under the claimed name", async (t) => {
  await withClone(async ({ ask }) => t.is(await ask("self"), "1000 /app claimed 40"));
});

test.serial("a clone is pid 1 in eight namespaces of its own, told truly", async (t) => {
  await withClone(async ({ sandbox, process }) => {
    const { namespaces, uidBase } = sandbox.describe();
    for (const kind of namespaceKinds) {
      t.is(link(process.pid, `ns/${kind}`), `${kind}:[${namespaces[kind]}]`);
      t.not(link(process.pid, `ns/${kind}`), link(zygote.process.pid, `ns/${kind}`));
    }
    t.regex(field(process.pid, "NSpid"), /\t1$/);
    t.is(field(process.pid, "Uid").split("\t")[0], String(uidBase + 1_000));
  });
});

test.serial("neither zygote nor clone has a capability, and both have a filter in every thread", async (t) => {
  await withClone(async ({ process, ask }) => {
    await ask("tour");
    for (const pid of [zygote.process.pid, process.pid])
      for (const task of readdirSync(`/proc/${pid}/task`).map(Number)) {
        for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) t.is(field(task, set), "0".repeat(16));
        t.is(field(task, "NoNewPrivs"), "1");
        t.is(field(task, "Seccomp"), "2");
        t.is(field(task, "Seccomp_filters"), pid === process.pid ? "2" : "1");
      }
  });
});

test.serial("a clone is in every control group of its sandbox that limits something", async (t) => {
  await withClone(async ({ sandbox, process }) => {
    for (const path of sandbox.describe().cgroups) {
      const limits = readdirSync(path).some((name) =>
        /^(memory|cpu|cpuacct|pids)\.(max|limit|cfs|usage|stat)/.test(name),
      );
      const members = readFileSync(`${path}/cgroup.procs`, "utf8").split("\n");
      if (limits && !readdirSync(path).includes("cgroup.kill")) t.true(members.includes(String(process.pid)), path);
    }
  });
});

test.serial("a clone holds nothing that its zygote holds", async (t) => {
  await withClone(async ({ process }) => {
    const open = (pid: number) => readdirSync(`/proc/${pid}/fd`).map((fd) => link(pid, `fd/${fd}`));
    const theirs = new Set(open(zygote.process.pid).filter((target) => /:\[\d+\]$/.test(target)));
    const ours = open(process.pid);
    t.deepEqual(
      ours.filter((target) => theirs.has(target)),
      [],
    );
    t.true(ours.every((target) => /^(\/dev\/null|(pipe|socket):\[\d+\]|anon_inode:\[event(poll|fd)\])$/.test(target)));
  });
});

test.serial("its mounts are those of a program that was started", async (t) => {
  await withClone(async ({ process }) => {
    const points = readFileSync(`/proc/${process.pid}/mountinfo`, "utf8").trim().split("\n");
    t.deepEqual(points.map((line) => line.split(" ")[4]).sort(), ["/", "/dev", "/dev/shm", "/proc"]);
    t.is(points.filter((line) => line.includes("hidepid=invisible,subset=pid")).length, 1);
  });
});

test.serial("the limits of the claim replace those of the generic sandbox", async (t) => {
  const memoryBytes = 128 << 20;
  const { sandbox } = await zygote.fork({ limits: { ...usualClaim.limits, memoryBytes } });
  const files = sandbox
    .describe()
    .cgroups.flatMap((path) =>
      ["memory.max", "memory.limit_in_bytes"]
        .filter((name) => readdirSync(path).includes(name))
        .map((name) => `${path}/${name}`),
    );
  t.deepEqual(
    files.map((path) => Number(readFileSync(path, "utf8"))),
    [memoryBytes],
  );
  await sandbox.destroy();
});

for (const [word, end] of [
  ["exit", { exitCode: 7, signal: null }],
  ["throw", { exitCode: 1, signal: null }],
] as const) {
  test.serial(`a clone that is told to ${word} ends with its own status`, async (t) => {
    const { sandbox, process, tell } = await zygote.fork();
    const complaint = printed(process.stderr);
    tell(word);
    t.like(await process.exited, end);
    if (word === "throw") t.regex(await complaint, /Error: thrown/);
    await sandbox.destroy();
  });
}

test.serial("a clone that is killed tells by what, and its cpu time was counted", async (t) => {
  const { sandbox, process, tell } = await zygote.fork();
  tell("spin");
  await until("it has used some cpu", async () => ((await sandbox.usage()).cpuUs > 20_000 ? true : null));
  await sandbox.kill();
  const exit = await process.exited;
  t.like(exit, { exitCode: null, signal: "SIGKILL", oomKills: 0 });
  t.true(exit.cpuUs > 20_000);
  await sandbox.destroy();
});

test.serial("a reset gives a running clone an empty layer, whatever it was", async (t) => {
  await withClone(async ({ sandbox, ask }) => {
    const clean = Number(await ask("inodes"));
    t.is(await ask("mark"), "fresh");
    t.is(await ask("mark"), "seen");
    t.is(Number(await ask("inodes")), clean - 1);
    t.is((await sandbox.usage()).layerFreeInodes, clean - 1);
    await sandbox.resetLayer();
    t.is(Number(await ask("inodes")), clean);
    t.is((await sandbox.usage()).layerFreeInodes, clean);
    t.is(await ask("home"), "here");
    t.is(await ask("mark"), "fresh");
    for (let round = 0; round < 50; round++) {
      await sandbox.resetLayer();
      t.is(await ask("mark"), "fresh");
    }
    t.regex(await ask("tour"), /served$/);
    t.is(await ask("home"), "here");
  });
});

test.serial("a program that was started keeps running over a reset, too", async (t) => {
  const sandbox = await warden.sandboxes.create(spec());
  const { wire, pid } = await sandbox.start(inside("echo"));
  const before = readFileSync(`/proc/${pid}/mountinfo`, "utf8").split("\n").length;
  await sandbox.resetLayer();
  t.is(readFileSync(`/proc/${pid}/mountinfo`, "utf8").split("\n").length, before);
  wire.end("still here");
  t.is(await printed(wire), "still here");
  await sandbox.destroy();
});

test.serial("sixty clones at once come, answer and go", async (t) => {
  const before = await held(warden);
  const clones = await Promise.all(Array.from({ length: 60 }, () => zygote.fork()));
  t.is(new Set(clones.map(({ process }) => process.pid)).size, 60);
  t.true((await Promise.all(clones.map(({ ask }) => ask("mark")))).every((answer) => answer === "fresh"));
  await Promise.all(clones.map(({ sandbox }) => sandbox.destroy()));
  await holdsNoMore(t, warden, before);
});

test.serial("a sandbox that is destroyed while it is forked into leaves nothing, and both are answered", async (t) => {
  const before = await held(warden);
  for (let round = 0; round < 30; round++) {
    const sandbox = await generic(warden);
    const forked = sandbox.fork(zygote.sandbox, usualClaim);
    const [outcome] = await Promise.allSettled([forked, round % 3 === 0 ? sandbox.kill() : sandbox.destroy()]);
    if (outcome.status === "fulfilled") t.is((await outcome.value.exited).signal, "SIGKILL");
    else t.is(outcome.reason.code, "SANDBOX_FAILED");
    await sandbox.destroy();
  }
  await holdsNoMore(t, warden, before);
});

test.serial("a root that cannot be made fails the fork in its step, and the zygote lives on", async (t) => {
  const before = await held(warden);
  const sandbox = await generic(warden);
  const error = await t.throwsAsync(sandbox.fork(zygote.sandbox, { ...usualClaim, layers: ["0".repeat(64)] }));
  t.like(error?.cause, { step: "open layer" });
  await sandbox.destroy();
  await holdsNoMore(t, warden, before);
  await withClone(async ({ ask }) => t.is(await ask("mark"), "fresh"));
});

test.serial("what cannot be forked, and what it cannot be forked into, is refused", async (t) => {
  const started = await warden.sandboxes.create(spec());
  await started.start(inside("wait"));
  const empty = await generic(warden);
  const fork = (id: string, from: string) => warden.client.request(requests.forkInstance(id, from, usualClaim));
  await t.throwsAsync(fork(empty.id, started.id), { message: /no zygote/ });
  await t.throwsAsync(fork(started.id, zygote.sandbox.id), { message: /EBUSY/ });
  await t.throwsAsync(fork(zygote.sandbox.id, zygote.sandbox.id), { message: /a zygote's sandbox/ });
  await t.throwsAsync(fork("ghost", zygote.sandbox.id), { message: /no sandbox ghost/ });
  await t.throwsAsync(fork(empty.id, "ghost"), { message: /no sandbox ghost/ });
  await t.throwsAsync(empty.start(inside("wait")), { message: /layers: none/ });
  await t.throwsAsync(warden.client.request(requests.resetLayer(empty.id)), { message: /has no instance/ });
  await Promise.all([started.destroy(), empty.destroy()]);
});

test.serial("a zygote that is killed fails its forks at once, and its clones live on", async (t) => {
  const before = await held(warden);
  const mortal = await startZygote(warden);
  const survivor = await mortal.fork();
  process.kill(mortal.process.pid, "SIGSTOP");
  const sandboxes = await Promise.all(Array.from({ length: 5 }, () => generic(warden)));
  const forks = Promise.allSettled(sandboxes.map((sandbox) => sandbox.fork(mortal.sandbox, usualClaim)));
  await warden.client.request(requests.list());
  await mortal.sandbox.kill();
  t.like(await mortal.process.exited, { signal: "SIGKILL" });
  t.true((await forks).every(({ status }) => status === "rejected"));
  t.is(await survivor.ask("mark"), "fresh");
  survivor.tell("exit");
  t.like(await survivor.process.exited, { exitCode: 7 });
  await Promise.all([...sandboxes, survivor.sandbox, mortal.sandbox].map((sandbox) => sandbox.destroy()));
  await holdsNoMore(t, warden, before);
});

test.serial("a zygote that hangs is ended, and its fork fails", async (t) => {
  const stuck = await startZygote(warden);
  process.kill(stuck.process.pid, "SIGSTOP");
  const sandbox = await generic(warden);
  const error = await t.throwsAsync(sandbox.fork(stuck.sandbox, usualClaim), { code: "SANDBOX_FAILED" });
  t.regex(String(error), /ETIMEDOUT/);
  t.like(await stuck.process.exited, { signal: "SIGKILL" });
  await Promise.all([sandbox.destroy(), stuck.sandbox.destroy()]);
});

test.serial("with a zygote's sandbox its clones end", async (t) => {
  const before = await held(warden);
  const mortal = await startZygote(warden);
  const clone = await mortal.fork();
  await mortal.sandbox.destroy();
  t.like(await clone.process.exited, { signal: "SIGKILL" });
  await clone.sandbox.destroy();
  await holdsNoMore(t, warden, before);
});

test.serial("when the warden is killed in mid-fork nothing that it made lives on", async (t) => {
  const doomed = await startWarden(t);
  await addNodeLayer(doomed);
  const mortal = await startZygote(doomed);
  const clones = await Promise.all(Array.from({ length: 3 }, () => mortal.fork()));
  const sandboxes = await Promise.all(Array.from({ length: 5 }, () => generic(doomed)));
  const forks = Promise.allSettled(sandboxes.map((sandbox) => sandbox.fork(mortal.sandbox, usualClaim)));
  doomed.signal("SIGKILL");
  await forks;
  await doomed.ended;
  const pids = [mortal.process.pid, ...clones.map(({ process }) => process.pid)];
  await until("all of them are gone", () => (pids.every((pid) => !alive(pid)) ? true : null));
  const next = await startWarden(t, { after: doomed });
  await until("no group has a process", () =>
    cgroupsOf(next.id).every((path) =>
      readdirSync(path, { withFileTypes: true }).every((e) => !e.isDirectory() || e.name.startsWith("_")),
    )
      ? true
      : null,
  );
  t.pass();
});

function alive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
