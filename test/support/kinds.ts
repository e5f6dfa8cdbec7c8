// Which process of a server is which, told by its pid or its uid as the host sees them.

import { type ProcessEntry, processTree } from "./processes.ts";
import type { ServerInfo } from "./server.ts";

/** `pause` is the first process of a zygote's sandbox. */
export type ProcessKind = "guardian" | "warden" | "tsfnd" | "foreman" | "closer" | "pause" | "zygote" | "instance";

export type ServerPids = Pick<ServerInfo, "pid" | "wardenPid" | "guardianPid">;

const firstSandboxUid = 0x4000_0000;
const uidsPerServer = 2 ** 24;
const uidsPerSandbox = 4_096;
const functionUid = 1_000;

/** null for what is on its way from one kind to another. */
export function kindOf({ pid, parent, uid, name }: ProcessEntry, server: ServerPids): ProcessKind | null {
  if (pid === server.guardianPid) return "guardian";
  if (pid === server.wardenPid) return "warden";
  if (pid === server.pid) return "tsfnd";
  if (uid === 0 && name === "tsfn-foreman") return "foreman";
  if (uid < firstSandboxUid) return null;
  // Its clones have its uid until they change it.
  if (uid % uidsPerServer === uidsPerServer - 1) return parent === server.wardenPid ? "zygote" : null;
  if (uid % uidsPerServer === uidsPerServer - 2) return "pause";
  if (uid % uidsPerServer === uidsPerServer - 3) return "closer";
  return uid % uidsPerSandbox === functionUid ? "instance" : null;
}

export function processesOf(kind: ProcessKind, server: ServerPids): ProcessEntry[] {
  return processTree(server.guardianPid).filter((entry) => kindOf(entry, server) === kind);
}
