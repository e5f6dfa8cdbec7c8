// A directory with those above it, made one by one: mkdir's own recursion never returns below /proc (Node 26). For init/
// and server/.

import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { isErrno } from "../../runtime/errors.ts";

/** Those it made, the outermost first; none where `path` is one already. @throws what mkdir(2) and stat(2) say */
export async function makeDirectory(path: string): Promise<string[]> {
  try {
    await mkdir(path, { mode: 0o755 });
    return [path];
  } catch (thrown) {
    if (isErrno(thrown, "EEXIST") && (await isDirectory(path))) return [];
    if (!isErrno(thrown, "ENOENT") || dirname(path) === path || (await isThere(dirname(path)))) throw thrown;
    const above = await makeDirectory(dirname(path));
    return [...above, ...(await makeDirectory(path))];
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
