// The leak audit shown to find each kind of thing that a server could leave behind: one is made for real, named by the
// audit, and no longer named once it is gone.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, realpathSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { cgroupMounts, cgroupName } from "./cgroups.ts";
import { temporaryDirectory } from "./function-directory.ts";
import { createLeakAudit, type LeakAudit } from "./leak-audit.ts";
import { namespacesOf } from "./processes.ts";
import { until } from "./until.ts";

interface Ground {
  readonly dataDir: string;
  readonly audit: LeakAudit;
}

function prepare(t: ExecutionContext): Ground {
  const dataDir = join(realpathSync(temporaryDirectory(t)), "data");
  mkdirSync(join(dataDir, "staging"), { recursive: true });
  const audit = createLeakAudit(dataDir);
  t.deepEqual(audit.leaks(), []);
  return { dataDir, audit };
}

test("a process that works on the data directory is found", async (t) => {
  const { dataDir, audit } = prepare(t);
  const child = spawn("tail", ["-f", "/dev/null", join(dataDir, "x")], { stdio: "ignore" });
  await once(child, "spawn");
  await until("it has its command line", () => audit.leaks().some((leak) => leak.includes(`process ${child.pid}`)));
  t.throws(audit.assertClean, { message: /tail -f/ });
  child.kill("SIGKILL");
  await once(child, "exit");
  t.deepEqual(audit.leaks(), []);
});

test("a cgroup of the server is found in whatever hierarchy", (t) => {
  const { dataDir, audit } = prepare(t);
  const writable = cgroupMounts().map(({ path }) => join(path, cgroupName(dataDir)));
  for (const path of writable) {
    mkdirSync(path);
    t.true(audit.leaks().includes(`cgroup ${path}`));
    rmdirSync(path);
  }
  t.true(writable.length > 0);
  t.deepEqual(audit.leaks(), []);
});

test("a mount below the data directory is found, in a private mount namespace too", async (t) => {
  const { dataDir, audit } = prepare(t);
  const point = join(dataDir, "staging");
  execFileSync("mount", ["-t", "tmpfs", "tmpfs", point]);
  t.true(audit.leaks().some((leak) => leak.startsWith("mount ")));
  execFileSync("umount", [point]);
  t.deepEqual(audit.leaks(), []);

  const script = `cd "$0" && mount -t tmpfs tmpfs staging && cd / && echo mounted && exec sleep 1000`;
  const child = spawn("unshare", ["--mount", "sh", "-c", script, dataDir], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  t.true(audit.leaks().some((leak) => leak.startsWith("mount ")));
  child.kill("SIGKILL");
  await once(child, "exit");
  audit.assertClean();
});

test("a namespace that only a descriptor keeps alive is found", async (t) => {
  const { audit } = prepare(t);
  const owner = spawn("unshare", ["--net", "sleep", "1000"], { stdio: "ignore" });
  const host = namespacesOf("self").get("net");
  await until("it has its namespace", () => namespacesOf(owner.pid ?? 0).get("net") !== host);
  audit.observe(owner.pid ?? 0);
  const keeper = spawn("sh", ["-c", `exec 9</proc/${owner.pid}/ns/net && echo open && exec sleep 1000`]);
  await once(keeper.stdout, "data");
  owner.kill("SIGKILL");
  await once(owner, "exit");
  t.true(audit.leaks().some((leak) => /^namespace net:\[\d+\] open in \d+$/.test(leak)));
  keeper.kill("SIGKILL");
  await once(keeper, "exit");
  audit.assertClean();
});

test("a socket, and a file in staging, are found", async (t) => {
  const { dataDir, audit } = prepare(t);
  const server = createServer().listen(join(dataDir, "admin.sock"));
  await once(server, "listening");
  t.deepEqual(audit.leaks(), [`socket ${join(dataDir, "admin.sock")}`]);
  server.close();
  await once(server, "close");
  writeFileSync(join(dataDir, "staging/half"), "");
  t.deepEqual(audit.leaks(), [`file ${join(dataDir, "staging/half")}`]);
  rmSync(join(dataDir, "staging/half"));
  t.deepEqual(audit.leaks(), []);
});
