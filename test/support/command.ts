// Runs the `tsfn` command as a person would: through its launcher, in a clean environment, to its end.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { root } from "../architecture/tree.ts";

export const tsfn = join(root, "gateway/cli/tsfn");

export interface CommandResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly cwd?: string;
  /** Of another installation than this one. */
  readonly launcher?: string;
  /** A command that runs the given one somewhere else, such as in another network namespace. */
  readonly within?: readonly string[];
}

export async function runCommand(args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  const child = spawnCommand(args, options);
  child.stdin?.end(options.input ?? "");
  const [stdout, stderr, [code]] = await Promise.all([
    child.stdout === null ? "" : text(child.stdout),
    child.stderr === null ? "" : text(child.stderr),
    once(child, "close") as Promise<[number | null]>,
  ]);
  return { code, stdout, stderr };
}

/** Its own process group, as a shell would give it, so that a test can send what Ctrl-C sends. */
export function spawnCommand(args: readonly string[], options: CommandOptions = {}): ChildProcess {
  const { env = {}, cwd = root, launcher = tsfn, within = [] } = options;
  const [command = launcher, ...rest] = [...within, launcher, ...args];
  return spawn(command, rest, { cwd, env: { ...cleanEnvironment(), ...env }, stdio: "pipe", detached: true });
}

function cleanEnvironment(): Record<string, string> {
  const { PATH = "", HOME = "/", TMPDIR, LANG } = process.env;
  return { PATH, HOME, ...(TMPDIR !== undefined && { TMPDIR }), ...(LANG !== undefined && { LANG }) };
}
