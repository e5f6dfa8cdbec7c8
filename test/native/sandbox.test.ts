// What a sandbox is from the inside and from the outside: namespaces, root, limits, and how its process ends. One real
// warden, and a static program that looks around.

import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync, statfsSync, symlinkSync, writeFileSync } from "node:fs";
import test from "ava";
import { readProcess } from "../support/processes.ts";
import { addLayer, inside, layer, printed, run, shareWarden, spec, type TestWarden } from "../support/warden.ts";

let warden: TestWarden;
shareWarden(test, (shared) => {
  warden = shared;
});

const namespaceKinds = ["user", "mnt", "pid", "ipc", "uts", "net", "cgroup", "time"] as const;

function statusField(out: string, name: string): string | undefined {
  return new RegExp(`^${name}:[ \\t]*(.*)$`, "m").exec(out)?.[1];
}

test("all eight namespaces are the sandbox's own, and are told truly", async (t) => {
  const sandbox = await warden.sandboxes.create(spec());
  const process = await sandbox.start(inside("wait"));
  const { namespaces } = sandbox.describe();
  for (const kind of namespaceKinds) {
    const link = readlinkSync(`/proc/${process.pid}/ns/${kind}`);
    t.is(link, `${kind}:[${namespaces[kind]}]`);
    t.not(link, readlinkSync(`/proc/self/ns/${kind}`));
  }
  await sandbox.destroy();
});

test("the process is pid 1, has a uid of its own range, no capability, no_new_privs and a filter", async (t) => {
  const sandbox = await warden.sandboxes.create(spec());
  const { pid, stdout } = await sandbox.start(inside("wait"));
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const uid = sandbox.describe().uidBase + 1_000;
  t.is(statusField(status, "Uid"), `${uid}\t${uid}\t${uid}\t${uid}`);
  t.is(statusField(status, "Gid"), `${uid}\t${uid}\t${uid}\t${uid}`);
  t.is(statusField(status, "Groups")?.trim(), "");
  for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) t.is(statusField(status, set), "0".repeat(16));
  t.is(statusField(status, "NoNewPrivs"), "1");
  t.is(statusField(status, "Seccomp"), "2");
  t.is(statusField(status, "SigIgn"), "0".repeat(16));
  t.is(statusField(status, "SigBlk"), "0".repeat(16));
  t.is(readFileSync(`/proc/${pid}/oom_score_adj`, "utf8").trim(), "500");
  const first = (await new Promise<Buffer>((resolve) => stdout.once("data", resolve).resume())).toString();
  t.is(first, "1\n");
  await sandbox.destroy();
});

test("its mounts are the root, /dev, /dev/shm and /proc, and they tell nothing of the host", async (t) => {
  const { out } = await run(warden, inside("print", "/proc/self/mountinfo"));
  const points = out
    .trim()
    .split("\n")
    .map((line) => line.split(" ")[4]);
  t.deepEqual(points, ["/", "/dev/shm", "/dev", "/proc"]);
  t.regex(out, /hidepid=invisible,subset=pid/);
  t.false(out.includes(warden.dataDir));
  t.false(out.includes(layer));
});

test("it holds exactly stdin, stdout, stderr, the wire and its tickets", async (t) => {
  const { out } = await run(warden, inside("descriptors"));
  t.is(out, "0 /dev/null\n1 pipe\n2 pipe\n3 socket\n4 pipe\n");
});

test("a ticket is taken by one side only: what is taken back is not there for the process", async (t) => {
  const sandbox = await warden.sandboxes.create(spec());
  t.teardown(() => sandbox.destroy());
  const { tickets, wire, stdout } = await sandbox.start(inside("tickets"));
  t.teardown(() => tickets?.close());
  tickets?.give(5);
  t.is(tickets?.takeBack(2), 2);
  wire.write("!");
  t.is(await printed(stdout), "took 3, then Resource temporarily unavailable\n");
  t.is(tickets?.takeBack(9), 0);
});

test("what it said on the wire before it ended is heard, also when the wire was written to since", async (t) => {
  const sandbox = await warden.sandboxes.create(spec());
  t.teardown(() => sandbox.destroy());
  const { pid, wire, exited } = await sandbox.start(inside("last-words"));
  const heard: string[] = [];
  wire.on("data", (piece: Buffer) => heard.push(piece.toString()));
  wire.resume();
  const closed = once(wire, "close");
  wire.write("!");
  // Nothing is read in between: this thread does not let go.
  while (!["Z", undefined].includes(readProcess(pid)?.state));
  wire.write("are you there?");
  await Promise.all([closed, exited]);
  t.deepEqual(heard, ["farewell"]);
});

test("its environment is what was given and nothing else", async (t) => {
  const program = { ...inside("environment"), env: { GREETING: "hi", EMPTY: "" } };
  t.is((await run(warden, program)).out, "GREETING=hi\nEMPTY=\n");
});

test("it can open /dev/stdout, which is a pipe that another user made", async (t) => {
  t.is((await run(warden, inside("reopen"))).out, "reopened\n");
});

test("the host's settings, names and cgroups are out of sight", async (t) => {
  t.regex((await run(warden, inside("print", "/proc/sys/kernel/hostname"))).out, /No such file/);
  t.regex((await run(warden, inside("print", "/etc/passwd"))).out, /No such file/);
  const { out } = await run(warden, inside("print", "/proc/self/cgroup"));
  t.true(
    out
      .trim()
      .split("\n")
      .every((line) => line.endsWith(":/")),
    out,
  );
});

test("it may write in /app, /tmp and /dev/shm, and nowhere else", async (t) => {
  for (const path of ["/app/a", "/tmp/a", "/dev/shm/a"]) {
    t.is((await run(warden, inside("write", path))).out, `${path} written\n`);
  }
  for (const path of ["/a", "/run/a", "/proc/a", "/sys/a", "/dev/a"]) {
    t.notRegex((await run(warden, inside("write", path))).out, /written/, path);
  }
});

test("what one sandbox wrote, the next one on the same layers does not see", async (t) => {
  t.is((await run(warden, inside("write", "/tmp/mark"))).out, "/tmp/mark written\n");
  t.is((await run(warden, inside("write", "/tmp/mark"))).out, "/tmp/mark written\n");
});

test("a layer whose /dev, /proc and /tmp are links out gains nothing", async (t) => {
  const digest = "d".repeat(64);
  addLayer(warden.dataDir, digest, (directory) => {
    for (const name of ["dev", "proc", "tmp", "sys"]) symlinkSync("/../../../../etc", `${directory}/${name}`);
  });
  const { out, exit } = await run(warden, inside("print", "/proc/self/mountinfo"), spec({ layers: [digest, layer] }));
  t.is(exit.exitCode, 0);
  t.is(out.trim().split("\n").length, 4);
});

test("a link in the place of a layer is refused", async (t) => {
  const digest = "e".repeat(64);
  symlinkSync("/etc", `${warden.dataDir}/layers/${digest}`);
  const error = await t.throwsAsync(warden.sandboxes.create(spec({ layers: [digest, layer] })), {
    code: "SANDBOX_FAILED",
  });
  t.like(error?.cause, { step: "open layer" });
});

test("the writable layer is full at its size, and at its number of files", async (t) => {
  const size = await run(warden, inside("fill", "/tmp/a"), spec({ diskBytes: 1 << 20 }));
  t.regex(size.out, /^\d+ No space left on device\n$/);
  t.true(Number.parseInt(size.out, 10) <= 1 << 20);
  const files = await run(warden, inside("fill-inodes", "/tmp/a"), spec({ diskInodes: 64 }));
  t.regex(files.out, /^\d+ No space left on device\n$/);
  t.true(Number.parseInt(files.out, 10) >= 60 && Number.parseInt(files.out, 10) <= 70, files.out);
});

test("it may have few of the inotify instances and watches that all sandboxes share", async (t) => {
  const { out } = await run(warden, inside("watch", "/tmp/a"), spec({ diskInodes: 20_000, openFiles: 1024 }));
  t.is(out, "8 instances, Too many open files\n8192 watches, No space left on device\n");
});

test("/dev/shm counts as the writable layer", async (t) => {
  const { out } = await run(warden, inside("fill", "/dev/shm/a"), spec({ diskBytes: 1 << 20 }));
  t.true(Number.parseInt(out, 10) <= 1 << 20);
});

test("a fork bomb ends at the limit of pids", async (t) => {
  // Itself and seven more; six while the process that brought it into the sandbox is still leaving.
  t.regex((await run(warden, inside("forks"), spec({ pids: 8 }))).out, /^[67] Resource temporarily unavailable\n$/);
});

test("when a child runs out of memory the whole sandbox ends, and it is counted", async (t) => {
  const { exit } = await run(warden, inside("hog"), spec({ memoryBytes: 16 << 20 }));
  t.is(exit.signal, "SIGKILL");
  t.true(exit.oomKills >= 1);
  t.true(exit.memoryPeakBytes <= 16 << 20);
  t.true(exit.memoryPeakBytes > 8 << 20);
});

test("an exit code arrives, and so does what was printed", async (t) => {
  const { exit } = await run(warden, inside("exit", "42"));
  t.like(exit, { exitCode: 42, signal: null, oomKills: 0 });
  t.true(exit.cpuUs > 0);
  t.like(await run(warden, inside("say")), { out: "said\n", err: "complained\n" });
});

test("bytes go both ways over the wire", async (t) => {
  const sandbox = await warden.sandboxes.create(spec());
  const { wire, exited } = await sandbox.start(inside("echo"));
  wire.end("there and back");
  t.is(await printed(wire), "there and back");
  t.is((await exited).exitCode, 0);
  await sandbox.destroy();
});

test("kill ends it by SIGKILL", async (t) => {
  const sandbox = await warden.sandboxes.create(spec());
  const { exited } = await sandbox.start(inside("wait"));
  await sandbox.kill();
  t.like(await exited, { exitCode: null, signal: "SIGKILL", oomKills: 0 });
  await sandbox.destroy();
});

test("limits can be changed while it runs, up and down", async (t) => {
  const sandbox = await warden.sandboxes.create(spec({ memoryBytes: 64 << 20 }));
  await sandbox.start(inside("wait"));
  for (const memoryBytes of [128 << 20, 32 << 20]) {
    await sandbox.setLimits({ memoryBytes, cpus: 0.5, pids: 4 });
    const limit = sandbox
      .describe()
      .cgroups.flatMap((path) =>
        ["memory.max", "memory.limit_in_bytes"]
          .filter((name) => readdirSync(path).includes(name))
          .map((name) => Number(readFileSync(`${path}/${name}`, "utf8"))),
      );
    t.deepEqual(limit, [memoryBytes]);
  }
  await sandbox.destroy();
});

test("usage counts its processes and its memory", async (t) => {
  const sandbox = await warden.sandboxes.create(spec());
  await sandbox.start(inside("wait"));
  const usage = await sandbox.usage();
  t.is(usage.pids, 1);
  t.true(usage.memoryBytes > 0 && usage.memoryPeakBytes >= usage.memoryBytes);
  await sandbox.destroy();
});

test("usage tells how many inodes the writable layer has left: what statfs says inside, also after a reset", async (t) => {
  const generic = await warden.sandboxes.create(spec({ layers: [] }));
  t.is((await generic.usage()).layerFreeInodes, 0);
  await generic.destroy();

  const sandbox = await warden.sandboxes.create(spec());
  const { pid } = await sandbox.start(inside("echo"));
  const within = `/proc/${pid}/root`;
  const { layerFreeInodes: untouched } = await sandbox.usage();
  t.is(untouched, statfsSync(within).ffree);
  for (let index = 0; index < 5; index += 1) writeFileSync(`${within}/tmp/${index}`, "");
  t.is((await sandbox.usage()).layerFreeInodes, statfsSync(within).ffree);
  t.true((await sandbox.usage()).layerFreeInodes <= untouched - 5);
  await sandbox.resetLayer();
  t.is((await sandbox.usage()).layerFreeInodes, untouched);
  t.is(statfsSync(within).ffree, untouched);
  await sandbox.destroy();
});

test("two sandboxes never share a host uid", async (t) => {
  const all = await Promise.all(Array.from({ length: 8 }, () => warden.sandboxes.create(spec())));
  const bases = all.map((sandbox) => sandbox.describe().uidBase);
  t.is(new Set(bases).size, 8);
  t.true(bases.every((base) => base % 4_096 === 0));
  await Promise.all(all.map((sandbox) => sandbox.destroy()));
});

test("many starts and destroys at once all come out right", async (t) => {
  const codes = await Promise.all(
    Array.from({ length: 60 }, async (_, index) => {
      const { exit } = await run(warden, inside("exit", String(index)));
      return exit.exitCode;
    }),
  );
  t.deepEqual(
    codes,
    Array.from({ length: 60 }, (_, index) => index),
  );
});

test("a sandbox that is destroyed while its process starts leaves nothing", async (t) => {
  const sandboxes = await Promise.all(Array.from({ length: 20 }, () => warden.sandboxes.create(spec())));
  const outcomes = await Promise.allSettled(
    sandboxes.flatMap((sandbox) => [sandbox.start(inside("wait")), sandbox.destroy()]),
  );
  const failures = outcomes.filter((outcome) => outcome.status === "rejected");
  for (const { reason } of failures) t.is(reason.code, "SANDBOX_FAILED");
  for (const sandbox of sandboxes) {
    for (const path of sandbox.describe().cgroups) t.throws(() => readdirSync(path), { code: "ENOENT" });
  }
});
