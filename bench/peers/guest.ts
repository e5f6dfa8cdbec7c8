// What a VM starts: Debian's cloud kernel, which bench/setup unpacked, and an initramfs with the root of the container peers
// and guest_init.c as its first process.

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { makeContainerRoot } from "./container-root.ts";

export interface Guest {
  readonly kernel: string;
  readonly kernelVersion: string;
  readonly initramfs: string;
}

const unpacked = join(import.meta.dirname, "../build/guest");

/** The server listens on this port of the guest and says so with a line on the console. */
export const guestPort = 8080;

/** @param layers as makeContainerRoot's @throws Error when there is no kernel */
export async function makeGuest(place: string, layers: readonly string[], directory: string): Promise<Guest> {
  const kernel = join(unpacked, "vmlinux");
  if (!existsSync(kernel)) throw new Error(`there is no guest kernel at ${kernel}; run bench/setup`);
  execFileSync("make", ["--silent", "-C", join(import.meta.dirname, ".."), "build/guest_init"]);
  const root = await makeContainerRoot(place, layers, directory);
  cpSync(join(unpacked, "../guest_init"), join(root, "init"));
  cpSync(unpacked, join(root, "modules"), { recursive: true, filter: (path) => !path.endsWith("vmlinux") });
  const initramfs = join(place, "initramfs");
  // Not compressed: to unpack it would cost the guest more than to read it.
  execFileSync("sh", ["-c", `find . | cpio --create --format newc --quiet >"$1"`, "sh", initramfs], { cwd: root });
  return { kernel, kernelVersion: readFileSync(join(unpacked, "version"), "utf8").trim(), initramfs };
}
