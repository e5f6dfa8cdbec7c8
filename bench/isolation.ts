// What stands between a process and its host, as the kernel tells it: for the report, so that it claims nothing else than
// what was there.

import { namespacesOf, readProc } from "../test/support/processes.ts";

/** @throws Error when the process has ended. */
export function isolationTold(pid: number): string {
  const status = readProc(pid, "status");
  if (status === undefined) throw new Error(`process ${pid} ended before its isolation was read`);
  const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, "m").exec(status)?.[1] ?? "";
  const host = namespacesOf("self");
  const own = [...namespacesOf(pid)].filter(([kind, inode]) => host.get(kind) !== inode).map(([kind]) => kind);
  const capabilities = [...BigInt(`0x${field("CapBnd")}`).toString(2)].filter((bit) => bit === "1").length;
  return [
    `${own.join(", ")} namespaces`,
    `${field("Seccomp") === "2" ? "a" : "no"} seccomp filter`,
    `${capabilities} capabilities`,
    `host uid ${field("Uid")}`,
    `${field("NoNewPrivs") === "1" ? "no" : "possibly"} new privileges`,
  ].join(", ");
}
