// The servers a person knows by name, with the tokens for them, in a file of their own (docs/cli.md, "Which server"). Nobody else
// may read it; it is replaced as a whole, so that a crash leaves the old one or the new one.

import { chmodSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { isErrno, TsfnError } from "../../runtime/errors.ts";
import { makeDirectory } from "./make-directory.ts";

export interface SavedContext {
  /** A socket's path or a URL. */
  readonly server: string;
  readonly token?: string;
}

export interface Contexts {
  /** The name of the one that is used when nothing else says which server; null: none. */
  readonly current: string | null;
  readonly saved: ReadonlyMap<string, SavedContext>;
}

export function contextsPath(env: NodeJS.ProcessEnv): string {
  return join(env.XDG_CONFIG_HOME || join(homedir(), ".config"), "tsfn", "contexts.json");
}

/** Empty where there is no file. @throws TsfnError NOT_ALLOWED when others may read it, USAGE when it is no such file */
export function readContexts(path: string): Contexts {
  let text: string;
  try {
    const { mode } = statSync(path);
    if ((mode & 0o077) !== 0) {
      const message = `${path} has mode ${(mode & 0o777).toString(8)}, and it holds tokens; wanted 600`;
      throw new TsfnError("NOT_ALLOWED", message, { hint: `chmod 600 ${path}` });
    }
    text = readFileSync(path, "utf8");
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT")) return { current: null, saved: new Map() };
    throw thrown instanceof TsfnError ? thrown : unreadable(path, thrown);
  }
  return parse(path, text);
}

/** Creates the directory too. @throws TsfnError NOT_ALLOWED */
export async function writeContexts(path: string, { current, saved }: Contexts): Promise<void> {
  const text = `${JSON.stringify({ current, contexts: Object.fromEntries(saved) }, null, 2)}\n`;
  const aside = `${path}.${process.pid}`;
  try {
    const made: string[] = [];
    await makeDirectory(dirname(path), made);
    for (const directory of made) chmodSync(directory, 0o700);
    writeFileSync(aside, text, { mode: 0o600, flag: "wx" });
    renameSync(aside, path);
  } catch (cause) {
    throw new TsfnError("NOT_ALLOWED", `${path} cannot be written: ${(cause as Error).message}`, { cause });
  }
}

/** @throws TsfnError USAGE naming those there are */
export function contextNamed({ saved }: Contexts, name: string): SavedContext {
  const found = saved.get(name);
  if (found !== undefined) return found;
  const known = saved.size === 0 ? "there are none" : `known: ${[...saved.keys()].join(", ")}`;
  throw new TsfnError("USAGE", `there is no context "${name}"; ${known}`, { hint: "See: tsfn context list" });
}

function parse(path: string, text: string): Contexts {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  const { current = null, contexts } = (value ?? {}) as { current?: unknown; contexts?: unknown };
  if (typeof contexts !== "object" || contexts === null) throw unreadable(path, new Error("it has no contexts"));
  const saved = new Map<string, SavedContext>();
  for (const [name, found] of Object.entries(contexts as Record<string, Partial<SavedContext> | null>)) {
    if (typeof found?.server !== "string") throw unreadable(path, new Error(`its context "${name}" has no server`));
    saved.set(name, { server: found.server, ...(typeof found.token === "string" && { token: found.token }) });
  }
  return { current: typeof current === "string" ? current : null, saved };
}

function unreadable(path: string, cause: unknown): TsfnError {
  const hint = "Mend it, or remove it and create the contexts again";
  return new TsfnError("USAGE", `${path} cannot be read: ${(cause as Error).message}`, { hint, cause });
}
