// `tsfn dev` killed with SIGKILL: it cannot remove its directory, so the next one does, and nothing else of that name.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { spawnCommand } from "../support/command.ts";
import { example, passableDirectory } from "../support/function-directory.ts";
import { isAlive, processTree } from "../support/processes.ts";
import { until } from "../support/until.ts";

/** Resolves when it answers. */
async function startDev(t: ExecutionContext, directory: string, temporary: string) {
  const child = spawnCommand(["dev", directory, "-p", "0"], { env: { TMPDIR: temporary } });
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  child.once("exit", () => resolve());
  t.teardown(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (piece: Buffer) => (output += piece));
  await until("it answers", () => {
    if (child.exitCode !== null) throw new Error(`tsfn dev exited with ${child.exitCode}\n${output}`);
    return output.includes("Waiting for changes");
  });
  const pids = processTree(child.pid ?? 0).map(({ pid }) => pid);
  return {
    output: () => output,
    async end(signal: NodeJS.Signals) {
      child.kill(signal);
      await ended;
      await until("all its processes are gone", () => !pids.some(isAlive));
    },
  };
}

test.serial("the next one removes what a killed one left, not a living one's, and not a stranger's", async (t) => {
  const base = passableDirectory(t);
  const temporary = join(base, "tmp");
  const hello = join(base, "hello");
  cpSync(example("hello"), hello, { recursive: true });
  mkdirSync(temporary);
  chmodSync(temporary, 0o711);
  const strangers = ["tsfn-dev-000000", "tsfn-dev-111111", "tsfn-dev-odd"];
  for (const name of strangers) mkdirSync(join(temporary, name, "data/warden"), { recursive: true });
  writeFileSync(join(temporary, "tsfn-dev-111111/owner"), "of no process");
  const locked = join(temporary, "tsfn-dev-222222");
  mkdirSync(join(locked, "data/warden"), { recursive: true });
  writeFileSync(join(locked, "owner"), `4194999 1 ${readlinkSync("/proc/self/ns/pid")}`);
  const holder = spawn("flock", ["--no-fork", join(locked, "data/warden/lock"), "cat"], { stdio: "pipe" });
  t.teardown(() => holder.kill("SIGKILL"));
  await until("the lock is held", () => existsSync(join(locked, "data/warden/lock")));
  strangers.push("tsfn-dev-222222");
  const present = () => readdirSync(temporary).filter((name) => !strangers.includes(name));

  const living = await startDev(t, hello, temporary);
  const killed = await startDev(t, hello, temporary);
  const both = present();
  t.is(both.length, 2);
  await killed.end("SIGKILL");
  t.deepEqual(present(), both, "it was killed");

  const next = await startDev(t, hello, temporary);
  t.is(present().filter((name) => both.includes(name)).length, 1, "the living one's is left");
  t.is(present().length, 2);
  t.notRegex(next.output(), /warning/);
  await living.end("SIGINT");
  await next.end("SIGINT");
  t.deepEqual(readdirSync(temporary).sort(), strangers.toSorted(), "somebody has the lock of the last one");

  holder.kill("SIGKILL");
  await once(holder, "exit");
  await (await startDev(t, hello, temporary)).end("SIGINT");
  t.false(existsSync(locked));
});
