// Uses what it is told to: ?cpu= milliseconds of cpu, ?mb= of memory, ?loop=forever, ?fork=bomb until the limit on
// processes stops it. For trying limits.

import { type ChildProcess, spawn } from "node:child_process";
import type { ExportedHandler } from "tsfn";

export default {
  async fetch(request) {
    const { searchParams } = new URL(request.url);
    if (searchParams.get("loop") === "forever") for (;;);
    if (searchParams.get("fork") === "bomb") return Response.json({ forked: await forkUntilRefused() });

    const cpuMs = Number(searchParams.get("cpu") ?? 0);
    const memoryMb = Number(searchParams.get("mb") ?? 0);
    burnCpu(cpuMs);
    const held = holdMemory(memoryMb);
    return Response.json({ cpuMs, heldBytes: held.reduce((sum, block) => sum + block.length, 0) });
  },
} satisfies ExportedHandler;

function burnCpu(ms: number): void {
  const start = process.cpuUsage();
  while (process.cpuUsage(start).user < ms * 1_000);
}

/** Filled, because pages that were never touched cost nothing. */
function holdMemory(mb: number): Buffer[] {
  return Array.from({ length: mb }, () => Buffer.alloc(2 ** 20, 1));
}

/** Each child is a whole Node process that waits; they end with the sandbox, or when this invocation is over. */
async function forkUntilRefused(): Promise<number> {
  const children: ChildProcess[] = [];
  try {
    for (;;) {
      const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { stdio: "ignore" });
      await new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject));
      children.push(child);
    }
  } catch {
    return children.length;
  } finally {
    for (const child of children) child.kill("SIGKILL");
  }
}
