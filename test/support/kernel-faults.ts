// Faults of the kernel: strace makes one system call of a test's warden and its children fail, or end or stop whoever asks.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./until.ts";
import type { TestWarden } from "./warden.ts";

let struck = 0;

/**
 * Strikes in every process that the warden forks from now on, and in itself, while `during` runs.
 * @param fault of `strace -e inject`: `unshare:error=ENOSPC`
 * @param during gets what strace has written so far
 */
export async function withFault<Value>(
  warden: TestWarden,
  fault: string,
  during: (readLog: () => string) => Promise<Value>,
): Promise<Value> {
  const [call = ""] = fault.split(":");
  struck += 1;
  const log = join(tmpdir(), `tsfn-fault-${process.pid}-${struck}`);
  const filters = ["-e", `trace=${call}`, "-e", `inject=${fault}`];
  const args = ["-f", "-q", "-o", log, ...filters, "-p", String(warden.pid)];
  const tracer = spawn("strace", args, { stdio: "ignore" });
  const ended = once(tracer, "exit");
  const tracing = () => /^TracerPid:\t[1-9]/m.test(readFileSync(`/proc/${warden.pid}/status`, "utf8"));
  await until("strace is attached", tracing);
  try {
    return await during(() => readFileSync(log, "utf8"));
  } finally {
    tracer.kill("SIGINT");
    await ended;
    await until("strace is detached", () => !tracing());
    rmSync(log);
  }
}
