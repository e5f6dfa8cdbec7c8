// What a figure was measured on. Every report starts with it, because a figure without its machine means nothing.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, loadavg, release, totalmem } from "node:os";
import { z } from "zod";
import { cgroupMounts } from "../test/support/cgroups.ts";

export const machineSchema = z
  .object({
    cpu: z.string(),
    cores: z.number(),
    memoryGib: z.number(),
    kernel: z.string(),
    node: z.string(),
    /** `v2`, `v1` or `hybrid`. */
    cgroups: z.string(),
    /** It is a virtual machine itself, so that others may have had its cores. */
    virtual: z.boolean(),
    /** Of the last minute, before anything was measured. */
    loadBefore: z.number(),
  })
  .readonly();

export type Machine = z.infer<typeof machineSchema>;

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    cgroups: cgroupVersions(),
    virtual: /^flags\s*:.*\bhypervisor\b/m.test(readFileSync("/proc/cpuinfo", "utf8")),
    loadBefore: loadavg()[0] ?? 0,
  };
}

function cgroupVersions(): string {
  const types = new Set(cgroupMounts().map(({ type }) => type));
  if (types.size > 1) return "hybrid";
  return types.has("cgroup2") ? "v2" : "v1";
}

/** Of the sources that are measured. */
export function describeCommit(): string {
  const { status, stdout } = spawnSync("git", ["describe", "--always", "--exclude=*", "--dirty"], {
    cwd: import.meta.dirname,
    encoding: "utf8",
  });
  // No git, or no repository: the sources came as an archive.
  return status === 0 ? stdout.trim() : "unknown";
}
