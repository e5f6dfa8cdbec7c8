// A real file system of a few hundred kilobytes, so that a full disk is a full disk. Needs root, like the rest of the
// tests that make kernel objects.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Owner } from "./function-directory.ts";

/** Mounts a tmpfs; unmounted when the test is over. */
export function smallDisk(t: Owner, sizeKib: number): string {
  const disk = mkdtempSync(join(tmpdir(), "tsfn-disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${sizeKib}k,mode=0755`, "tsfn-test", disk]);
  t.teardown(() => {
    execFileSync("umount", ["--lazy", disk]);
    rmdirSync(disk);
  });
  return disk;
}

/** Takes all that is left; returns the way to give it back. */
export function fill(disk: string): () => void {
  const ballast = join(disk, "ballast");
  for (let sizeBytes = 2 ** 20; sizeBytes >= 4_096; sizeBytes /= 2) {
    while (appended(ballast, sizeBytes));
  }
  return () => rmSync(ballast);
}

function appended(path: string, sizeBytes: number): boolean {
  try {
    writeFileSync(path, Buffer.alloc(sizeBytes), { flag: "a" });
    return true;
  } catch {
    // Full: a smaller piece may still fit.
    return false;
  }
}
