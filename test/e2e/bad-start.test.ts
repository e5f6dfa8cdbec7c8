// Servers that cannot start: each says in four lines at most what is in the way and how to get rid of it, exits with its
// code, and makes nothing.

import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { runCommand, tsfn } from "../support/command.ts";
import { passableDirectory, temporaryDirectory } from "../support/function-directory.ts";
import { createLeakAudit } from "../support/leak-audit.ts";
import { startServer } from "../support/server.ts";

const flags = (base: string, listen = "127.0.0.1:0"): string[] => [
  ...["--data-dir", join(base, "data"), "--admin", join(base, "run/admin.sock"), "--listen", listen],
];

const linesOf = (block: string): number => block.trim().split("\n").length;

test.serial("a port in use: the address, the way out, exit code 6, nothing left", async (t) => {
  const server = await startServer(t);
  const base = passableDirectory(t);
  const { host } = new URL(server.url());
  for (const mode of [["--foreground"], []]) {
    const { code, stderr } = await runCommand(["server", "start", ...mode, ...flags(base, host)]);
    t.is(code, 6, stderr);
    t.true(stderr.includes(host), stderr);
    t.true(stderr.includes("--listen"), stderr);
    t.true(linesOf(stderr) <= 4, stderr);
    createLeakAudit(join(base, "data")).assertClean();
    t.deepEqual(readdirSync(base), []);
  }
});

test.serial("a data directory in use: exit code 6, and the server that uses it is unharmed", async (t) => {
  const server = await startServer(t);
  const base = passableDirectory(t);
  const own = ["--data-dir", server.dataDir, "--admin", join(base, "run/admin.sock"), "--listen", "127.0.0.1:0"];
  const { code, stderr } = await runCommand(["server", "start", "--foreground", ...own]);
  t.is(code, 6, stderr);
  t.true(stderr.includes(server.dataDir), stderr);
  t.true(linesOf(stderr) <= 4, stderr);
  t.is((await server.fetch("/healthz")).status, 200);
});

test.serial("a server that runs already is not started a second time", async (t) => {
  const server = await startServer(t);
  const own = ["--data-dir", server.dataDir, "--admin", server.admin, "--listen", "127.0.0.1:0"];
  const { code, stderr } = await runCommand(["server", "start", ...own]);
  t.is(code, 6, stderr);
  t.is((await server.fetch("/healthz")).status, 200);
});

test.serial("without root: exit code 4 and the way out, before anything is made", async (t) => {
  const base = passableDirectory(t);
  // Uid 65534 by its own account, and yet able to read the project wherever it lies.
  const run = promisify(execFile)("unshare", ["--user", tsfn, "server", "start", ...flags(base)]);
  const { code, stderr } = (await t.throwsAsync(run)) as unknown as { code: number; stderr: string };
  t.is(code, 4, stderr);
  t.true(stderr.includes("sudo"), stderr);
  t.true(linesOf(stderr) <= 4, stderr);
  t.false(existsSync(join(base, "data")));
});

test.serial("a data directory that cannot be one, a wrong setting, an unknown flag", async (t) => {
  const base = passableDirectory(t);
  const start = (...args: string[]) => runCommand(["server", "start", "--foreground", ...flags(base), ...args]);
  t.is((await start("--data-dir", "/proc/nowhere")).code, 1);
  const wrong = await start("--grace", "soon");
  t.is(wrong.code, 2);
  t.true(wrong.stderr.includes("soon"), wrong.stderr);
  const unknown = await start("--graze", "1s");
  t.is(unknown.code, 2);
  t.true(unknown.stderr.includes("--grace"), unknown.stderr);
});

test.serial("a command without a server says so with exit code 5", async (t) => {
  const nowhere = join(temporaryDirectory(t), "admin.sock");
  for (const args of [["list"], ["ps"], ["logs", "hello"], ["server", "status"], ["server", "stop"]]) {
    const { code, stderr } = await runCommand(args, { env: { TSFN_SERVER: nowhere, TSFN_ADMIN: nowhere } });
    t.is(code, 5, `${args.join(" ")}: ${stderr}`);
    t.true(stderr.includes(nowhere), stderr);
  }
});
