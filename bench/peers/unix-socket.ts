// How a container peer is called: over a unix socket that appears in a directory when its server listens (bare-node.js), so
// that nobody has to ask again and again.

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, watch } from "node:fs";
import { join } from "node:path";
import { type FirstByte, getFirstByte } from "../first-byte.ts";

const name = "http.sock";

/** @param child the command that has just been spawned @param directory where the socket will be */
export async function getFirstByteOf(
  child: ChildProcess,
  directory: string,
  onFirstByte: () => void,
): Promise<FirstByte> {
  await socketIn(directory, child);
  return await getFirstByte({ path: join(directory, name) }, "/", onFirstByte);
}

/** Called in the tick of the spawn, it sees the socket come; asked later, it may be there already. */
async function socketIn(directory: string, child: ChildProcess): Promise<void> {
  using stack = new DisposableStack();
  const ended = new AbortController();
  const onExit = (code: number | null) =>
    ended.abort(new Error(`${child.spawnfile} exited with ${code} before it listened`));
  child.once("exit", onExit);
  stack.defer(() => child.off("exit", onExit));
  const watcher = watch(directory);
  stack.defer(() => watcher.close());
  while (!existsSync(join(directory, name))) await once(watcher, "change", { signal: ended.signal });
}
