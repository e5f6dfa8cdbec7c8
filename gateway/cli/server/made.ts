// What a start of a server makes on disk before there is one. A start that fails leaves nothing of it, and touches nothing that
// was there before.

import { readdir, readFile, rm, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { asTsfnError, type ErrorCode, isErrno } from "../../../runtime/errors.ts";
import { processStart } from "./stop.ts";

export interface Made {
  /** Directories that were not there, each after the one that it is in. */
  readonly directories: string[];
  /** The data directory, when it was empty: whatever is in it now is this start's. null: it was not. */
  filled: string | null;
}

/** Another server's, or what the user is sent to: server.err and server.log. */
const kept: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["DATA_DIR_IN_USE", "SERVER_FAILED", "INTERNAL"]);

/**
 * To be called when no process of the server is left. Never rejects: why there is no server is what the user must hear of.
 * @param failure why there is none
 */
export async function removeMade(made: Made, failure: unknown): Promise<void> {
  if (kept.has(asTsfnError(failure).code)) return;
  await removeAll(made).catch(() => {});
}

async function removeAll({ directories, filled }: Made): Promise<void> {
  if (filled !== null && (await isTaken(filled))) return;
  if (filled !== null) await empty(filled);
  for (const directory of directories.toReversed()) await removeEmpty(directory);
}

/** Another start may have been waiting for the lock; whoever has it is in its file. */
async function isTaken(dataDir: string): Promise<boolean> {
  const text = await readFile(join(dataDir, "warden/lock"), "utf8").catch((thrown: unknown) => {
    if (isErrno(thrown, "ENOENT")) return "";
    throw thrown;
  });
  return /^\d+\n$/.test(text) && (await processStart(Number(text))) !== null;
}

async function empty(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name !== "lost+found") await rm(join(directory, name), { recursive: true, force: true });
  }
}

/** What somebody else has put into it stays, and so does the directory. */
async function removeEmpty(directory: string): Promise<void> {
  try {
    await rmdir(directory);
  } catch (thrown) {
    if (!["ENOTEMPTY", "ENOENT", "EBUSY"].some((code) => isErrno(thrown, code))) throw thrown;
  }
}
