// Stops a server through its admin API and waits until its last process is gone, so that a start may follow at once.

import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { isErrno } from "../../../runtime/errors.ts";
import type { ServerInfo } from "../answers.ts";
import type { Client } from "../client.ts";

/** Resolves when the server's last process is gone. @throws TsfnError SERVER_UNREACHABLE when there is none to stop */
export async function stopServer(client: Client): Promise<ServerInfo> {
  const info = await client.json<ServerInfo>({ method: "GET", path: "/v1/info" });
  const gone = Promise.all([processEnd(info.wardenPid), processEnd(await guardianOf(info.wardenPid))]);
  await client.json<unknown>({ method: "POST", path: "/v1/shutdown" });
  await gone;
  return info;
}

/** The process above the warden, which ends after it; the warden itself when that one was killed. */
async function guardianOf(wardenPid: number): Promise<number> {
  const parent = Number((await readStat(wardenPid))?.fields[1] ?? wardenPid);
  return (await readStat(parent))?.name === "tsfn-guardian" ? parent : wardenPid;
}

/** Resolves when the process that has this number now is gone. */
export async function processEnd(pid: number): Promise<void> {
  // A number alone may be given to another process; with its start time it names one.
  const startedAt = await processStart(pid);
  while (startedAt !== null && (await processStart(pid)) === startedAt) await sleep(5);
}

/** Field 22 of /proc/<pid>/stat, in clock ticks since boot; null when it is gone, or a zombie that only has to be reaped. */
export async function processStart(pid: number): Promise<string | null> {
  const fields = (await readStat(pid))?.fields;
  return fields === undefined || fields[0] === "Z" ? null : (fields[19] ?? null);
}

/** The fields are those of proc_pid_stat(5) from the third on; null when it is gone. */
async function readStat(pid: number): Promise<{ readonly name: string; readonly fields: readonly string[] } | null> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, "utf8");
    // The name may hold anything, parentheses and blanks too; after its end the fields are plain.
    const end = text.lastIndexOf(")");
    return { name: text.slice(text.indexOf("(") + 1, end), fields: text.slice(end + 2).split(" ") };
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT") || isErrno(thrown, "ESRCH")) return null;
    throw thrown;
  }
}
