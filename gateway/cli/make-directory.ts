// A directory with those above it, made one by one: mkdir's own recursion never returns below /proc (Node 26). For init/,
// server/ and contexts.ts.

import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { isErrno } from "../../runtime/errors.ts";

/**
 * True when it was not there. What is made is added to `made`, the outermost first, even when the rest then fails.
 * @throws what mkdir(2) and stat(2) say
 */
export async function makeDirectory(path: string, made: string[] = []): Promise<boolean> {
  try {
    await mkdir(path, { mode: 0o755 });
    made.push(path);
    return true;
  } catch (thrown) {
    if (isErrno(thrown, "EEXIST") && (await isDirectory(path))) return false;
    if (!isErrno(thrown, "ENOENT") || dirname(path) === path || (await isThere(dirname(path)))) throw thrown;
    await makeDirectory(dirname(path), made);
    return await makeDirectory(path, made);
  }
}

/** A link to nothing is none. */
async function isDirectory(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    (thrown: unknown) => {
      if (isErrno(thrown, "ENOENT")) return false;
      throw thrown;
    },
  );
}

async function isThere(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    (thrown: unknown) => {
      if (isErrno(thrown, "ENOENT")) return false;
      throw thrown;
    },
  );
}
