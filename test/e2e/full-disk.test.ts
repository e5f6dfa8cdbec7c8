// A full disk during a deployment: the error says so, the old version stays live, and nothing half written remains.

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import { runCommand } from "../support/command.ts";
import { example, functionDirectory, passableDirectory } from "../support/function-directory.ts";
import { createLeakAudit } from "../support/leak-audit.ts";
import { isAlive } from "../support/processes.ts";
import { startServer } from "../support/server.ts";

test.serial("a deployment onto a full disk fails with DISK_FULL, and the old version answers", async (t) => {
  const base = mountDisk(t, "400m");
  const server = await startServer(t, { base });
  await server.deploy(example("hello"));
  const layersBefore = readdirSync(join(server.dataDir, "layers")).sort();

  fill(base, 4 * 2 ** 20);
  const large = functionDirectory(t, {
    "tsfn.json": '{ "name": "hello" }',
    "index.ts": 'export default { fetch: () => new Response("new") };',
    "data.bin": "x".repeat(16 * 2 ** 20),
  });
  const refused = await server.cli(["deploy", large, "--json"]);
  t.is(refused.code, 1, refused.stderr);
  t.like(JSON.parse(refused.stdout), { code: "DISK_FULL" });
  t.deepEqual(await (await server.fetch("/function/hello")).json(), { message: "Hello, world!" });
  t.deepEqual(readdirSync(join(server.dataDir, "layers")).sort(), layersBefore);
  t.deepEqual(readdirSync(join(server.dataDir, "staging")), []);

  rmSync(join(base, "filler"));
  await server.deploy(large);
  t.is(await (await server.fetch("/function/hello")).text(), "new");
});

test.serial("with no byte left, functions that are deployed still answer", async (t) => {
  const base = mountDisk(t, "400m");
  const server = await startServer(t, { base });
  await server.deploy(example("hello"));
  fill(base, 0);
  for (let call = 0; call < 20; call += 1) t.is((await server.fetch("/function/hello")).status, 200);
  const refused = await server.cli(["deploy", example("echo"), "--json"]);
  t.like(JSON.parse(refused.stdout), { code: "DISK_FULL" });
  rmSync(join(base, "filler"));
});

test.serial("a server whose log has no room any more ends when it is told to", async (t) => {
  const base = mountDisk(t, "400m");
  const env = { TSFN_DATA_DIR: join(base, "data"), TSFN_SERVER: join(base, "run/admin.sock") };
  const audit = createLeakAudit(env.TSFN_DATA_DIR);
  const tsfn = async (...args: string[]) => await runCommand(args, { env });
  t.is((await tsfn("server", "start", "--admin", env.TSFN_SERVER, "--listen", "127.0.0.1:0", "--grace", "2s")).code, 0);
  const info = JSON.parse((await tsfn("server", "status", "--json")).stdout) as { url: string; wardenPid: number };
  const { url, wardenPid } = info;
  t.teardown(() => isAlive(wardenPid) && process.kill(wardenPid, "SIGTERM"));
  audit.observe(wardenPid);
  t.is((await tsfn("deploy", example("hello"))).code, 0);
  fill(base, 0);
  // What is lost of the function's log is told in the server's, which has no room either once its last page is full.
  for (let call = 0; call < 40; call += 1) {
    t.is((await fetch(`${url}/function/hello`)).status, 200);
    await wait(100);
  }
  t.is((await tsfn("deploy", example("echo"))).code, 1);
  t.is((await tsfn("server", "stop")).code, 0);
  audit.assertClean();
});

/** A small disk of its own, gone after the test. */
function mountDisk(t: ExecutionContext, size: string): string {
  const directory = join(passableDirectory(t), "disk");
  mkdirSync(directory);
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=0711`, "tmpfs", directory]);
  t.teardown(() => execFileSync("umount", ["--lazy", directory]));
  chmodSync(directory, 0o711);
  return directory;
}

function fill(directory: string, leaveBytes: number): void {
  const { bavail, bsize } = statfsSync(directory);
  writeFileSync(join(directory, "filler"), Buffer.alloc(Math.max(0, bavail * bsize - leaveBytes)));
}
