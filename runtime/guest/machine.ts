// Makes the process tell the truth about its sandbox instead of the host: environment, cpus and memory.

import { syncBuiltinESMExports } from "node:module";
import { type CpuInfo, default as os } from "node:os";
import type { Init } from "../wire/index.ts";

export function describeMachine(init: Init): void {
  describeEnvironment(init.env);
  describeCpus(Math.max(1, Math.ceil(init.cpus)));
  if (init.memoryBytes > 0) describeMemory(init.memoryBytes);
  // Named imports of node:os are copies; this renews them.
  syncBuiltinESMExports();
}

function describeEnvironment(env: Init["env"]): void {
  for (const name of Object.keys(process.env)) if (!(name in env)) delete process.env[name];
  Object.assign(process.env, env);
}

/** /proc/cpuinfo and /proc/stat are not there in a sandbox, so os.cpus() would be empty. */
function describeCpus(count: number): void {
  const cpu: CpuInfo = { model: "tsfn", speed: 0, times: { user: 0, nice: 0, sys: 0, idle: 0, irq: 0 } };
  os.cpus = () => Array.from({ length: count }, () => ({ ...cpu, times: { ...cpu.times } }));
  os.availableParallelism = () => count;
  Object.defineProperty(Navigator.prototype, "hardwareConcurrency", {
    configurable: true,
    enumerable: true,
    get: () => count,
  });
}

function describeMemory(bytes: number): void {
  const freeBytes = () => Math.max(0, bytes - process.memoryUsage.rss());
  os.totalmem = () => bytes;
  os.freemem = freeBytes;
  process.constrainedMemory = () => bytes;
  process.availableMemory = freeBytes;
}
