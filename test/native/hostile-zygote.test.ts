// A function as an attacker in its zygote, which has the namespaces and the groups of every clone: hostile_zygote.c.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import test from "ava";
import type { Sandbox, SandboxProcess } from "../../runtime/sandbox/index.ts";
import { root } from "../architecture/tree.ts";
import { until } from "../support/until.ts";
import { addLayer, shareWarden, spec, type TestWarden } from "../support/warden.ts";

let warden: TestWarden;
const layer = "d".repeat(64);
shareWarden(test, (shared) => {
  warden = shared;
  const source = join(root, "test/native/programs/hostile_zygote.c");
  const flags = ["-std=gnu11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror", "-static"];
  addLayer(warden.dataDir, layer, (directory) =>
    execFileSync("cc", [...flags, "-o", join(directory, "hostile"), source], {
      stdio: ["ignore", "ignore", "inherit"],
    }),
  );
});

const limits = { memoryBytes: 64 << 20, cpus: 1, pids: 16, diskBytes: 16 << 20, diskInodes: 512, openFiles: 256 };
const claim = { hostname: "claimed", layers: [layer], limits };

interface Attacker {
  readonly sandbox: Sandbox;
  readonly process: SandboxProcess;
  /** Resolves with what it printed once that matches. */
  says(pattern: RegExp): Promise<string>;
}

async function attack(act: string): Promise<Attacker> {
  const sandbox = await warden.sandboxes.create(spec({ kind: "zygote", layers: [layer], ...limits }));
  const process = await sandbox.start({ argv: ["/hostile", act], env: {}, cwd: "/" });
  let said = "";
  process.stdout.on("data", (piece: Buffer) => {
    said += piece.toString("latin1");
  });
  process.stdout.resume();
  process.stderr.resume();
  return { sandbox, process, says: (pattern) => until(`it says ${pattern}`, () => (pattern.test(said) ? said : null)) };
}

function generic(): Promise<Sandbox> {
  return warden.sandboxes.create(spec({ layers: [], ...limits }));
}

test.serial("it sees no process of the host in the root of a clone", async (t) => {
  const { sandbox: zygote, says } = await attack("look");
  const sandbox = await generic();
  await t.throwsAsync(sandbox.fork(zygote, claim), { code: "SANDBOX_FAILED" });
  t.is(await says(/\n/), "/proc: self thread-self\n");
  await sandbox.destroy();
  await zygote.destroy();
});

test.serial("a symlink in the place of /proc is not followed by a reset", async (t) => {
  const { sandbox: zygote, says } = await attack("trick");
  const sandbox = await generic();
  await sandbox.fork(zygote, claim);
  t.is(await says(/ready/), "ready\n");
  await t.throwsAsync(sandbox.resetLayer(), { message: /proc/ });
  await sandbox.destroy();
  await zygote.destroy();
});

test.serial(
  "a fork that it never answers comes to an end, though it answers others and holds on as it dies",
  async (t) => {
    const { sandbox: zygote } = await attack("hold");
    const sandbox = await generic();
    const asked = t.throwsAsync(sandbox.fork(zygote, claim), { code: "SANDBOX_FAILED" });
    let isGone = false;
    const gone = sandbox.destroy().then(() => {
      isGone = true;
    });
    for (const deadline = Date.now() + 20_000; !isGone && Date.now() < deadline; ) {
      const other = await generic();
      await other.fork(zygote, claim).catch(() => {});
      await other.destroy();
      await setTimeout(100);
    }
    t.true(isGone);
    await zygote.destroy();
    await Promise.all([asked, gone]);
  },
);

test.serial("a clone is destroyed though a child of the zygote stays in its groups", async (t) => {
  const { sandbox: zygote, process, says } = await attack("stay");
  const sandbox = await generic();
  await sandbox.fork(zygote, claim);
  t.is(await says(/ready/), "ready\n");
  await sandbox.destroy();
  t.like(await process.exited, { signal: "SIGKILL" });
  await zygote.destroy();
});

test.serial("what a clone wrote is gone with it, though the zygote keeps the clone's mounts", async (t) => {
  const before = sharedMemoryBytes();
  const { sandbox: zygote, says } = await attack("fill");
  const sandbox = await generic();
  await t.throwsAsync(sandbox.fork(zygote, claim), { code: "SANDBOX_FAILED" });
  t.regex(await says(/filled/), /filled 1[56] MB/);
  await sandbox.destroy();
  t.true(sharedMemoryBytes() < before + limits.diskBytes / 2);
  await zygote.destroy();
});

function sharedMemoryBytes(): number {
  return Number(/^Shmem:\s+(\d+) kB$/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]) * 1024;
}
