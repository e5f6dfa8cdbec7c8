// Where a server's cgroups are: one directory named after the server's id at the root of every hierarchy, whatever its
// version, with one directory per sandbox below.

import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface CgroupMount {
  readonly type: "cgroup" | "cgroup2";
  readonly path: string;
}

/** Name of a server's directory in every hierarchy. @param dataDir without symbolic links */
export function cgroupName(dataDir: string): string {
  return `tsfn-${createHash("sha256").update(dataDir).digest("hex").slice(0, 8)}`;
}

/** The cgroups of a server's sandboxes, whether anything lives in them or not. */
export function sandboxCgroups(dataDir: string): string[] {
  return cgroupMounts()
    .map(({ path }) => join(path, cgroupName(dataDir)))
    .filter((group) => existsSync(group))
    .flatMap((group) => readdirSync(group, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("_")) // _tsfnd is the daemon's own
    .map(({ parentPath, name }) => join(parentPath, name));
}

export function cgroupMounts(): CgroupMount[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .flatMap((line) => {
      const [front = "", back = ""] = line.split(" - ");
      const [path, type] = [front.split(" ")[4], back.split(" ")[0]];
      return path !== undefined && (type === "cgroup" || type === "cgroup2") ? [{ type, path }] : [];
    });
}
