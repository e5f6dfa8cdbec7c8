// Looks at the files of a function's directory before anything is built, and says what is in the way where it cannot.

import type { Stats } from "node:fs";
import { lstat, readFile } from "node:fs/promises";
import { isErrno, TsfnError } from "../errors.ts";

/** What may be wrong with the kind of a file. */
type Kind = Pick<Stats, "isFile" | "isDirectory" | "isSymbolicLink">;

const maxTextBytes = 2 ** 20;

/** undefined where there is nothing. @throws TsfnError SOURCE_INVALID */
export async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return undefined;
    throw unreadable(path, error);
  }
}

/** The text of a regular file; undefined where there is nothing. @throws TsfnError SOURCE_INVALID */
export async function readIfThere(path: string): Promise<string | undefined> {
  const stats = await statIfThere(path);
  if (stats === undefined) return undefined;
  const kind = oddKind(stats);
  if (kind !== undefined) {
    throw new TsfnError("SOURCE_INVALID", `${path} is ${kind}; wanted a regular file`, {
      hint: "Put the file itself there",
    });
  }
  if (stats.size > maxTextBytes) {
    const message = `${path} has ${stats.size} bytes; wanted at most ${maxTextBytes}`;
    throw new TsfnError("SOURCE_INVALID", message, { hint: "See whether it is the right file" });
  }
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** "a symbolic link" and the like; undefined of a regular file. */
export function oddKind(kind: Kind): string | undefined {
  if (kind.isFile()) return undefined;
  if (kind.isDirectory()) return "a directory";
  return kind.isSymbolicLink() ? "a symbolic link" : "a socket, pipe or device";
}

export function unreadable(path: string, cause: unknown): TsfnError {
  const why = isErrno(cause, "EACCES") || isErrno(cause, "EPERM") ? "permission denied" : (cause as Error).message;
  return new TsfnError("SOURCE_INVALID", `${path} cannot be read: ${why}`, {
    cause,
    hint: "Check who owns it, and its permissions",
  });
}
