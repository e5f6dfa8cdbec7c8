// Faults of the kernel: strace makes one system call of a test's warden and its children fail, or end or stop whoever asks.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readProc } from "./processes.ts";
import { until } from "./until.ts";
import { foremanOf, type TestWarden } from "./warden.ts";

let struck = 0;

/**
 * Strikes in every process that the warden or its foreman forks from now on, and in both, while `during` runs.
 * @param fault of `strace -e inject`: `unshare:error=ENOSPC`
 * @param during gets what strace has written so far
 */
export async function withFault<Value>(
  warden: TestWarden,
  fault: string,
  during: (readLog: () => string) => Promise<Value>,
): Promise<Value> {
  return withFaultIn([warden.pid, await foremanOf(warden)], fault, during);
}

/** As `withFault`, in these processes and what they fork. */
export async function withFaultIn<Value>(
  struckOnes: readonly number[],
  fault: string,
  during: (readLog: () => string) => Promise<Value>,
): Promise<Value> {
  const [call = ""] = fault.split(":");
  struck += 1;
  const log = join(tmpdir(), `tsfn-fault-${process.pid}-${struck}`);
  const filters = ["-e", `trace=${call}`, "-e", `inject=${fault}`];
  const args = ["-f", "-q", "-o", log, ...filters, ...struckOnes.flatMap((pid) => ["-p", String(pid)])];
  const tracer = spawn("strace", args, { stdio: "ignore" });
  const ended = once(tracer, "exit");
  const traced = () => struckOnes.filter((pid) => /^TracerPid:\t[1-9]/m.test(readProc(pid, "status") ?? "")).length;
  await until("strace is attached", () => traced() === struckOnes.length);
  try {
    return await during(() => readFileSync(log, "utf8"));
  } finally {
    tracer.kill("SIGINT");
    await ended;
    await until("strace is detached", () => traced() === 0);
    rmSync(log);
  }
}
