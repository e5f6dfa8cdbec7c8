// What every command gets from the options that all share (`--json`, `--server`), and the small things commands say
// about themselves: their examples, and numbers parsed at the door.

import { resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { parseCount, settings } from "../../runtime/config.ts";
import { TsfnError } from "../../runtime/errors.ts";
import { type Client, openClient } from "./client.ts";
import { type Output, openOutput } from "./output.ts";

export interface Context {
  readonly output: Output;
  /** Opened on first use; nothing is sent before a command asks. @throws TsfnError USAGE */
  client(): Client;
}

export interface SharedOptions {
  readonly json?: boolean;
  readonly server?: string;
  /** The name that the commands about the server itself know the same thing by. */
  readonly admin?: string;
}

/** @param command the one that runs; it knows the program's options too. */
export function contextOf(command: Command): Context {
  const { json = false, admin, server = admin } = command.optsWithGlobals<SharedOptions>();
  return {
    output: openOutput({ json }),
    client: () => openClient(serverAddress(server, process.env), process.env.TSFN_TOKEN),
  };
}

/** Flag before TSFN_SERVER before the socket that `server start` would use. */
export function serverAddress(flag: string | undefined, env: NodeJS.ProcessEnv): string {
  const { variable, fallback } = settings.adminSocket;
  const found = flag || env.TSFN_SERVER || env[variable] || fallback;
  return found.includes("://") ? found : resolve(found);
}

/** Two columns after the options: what to type, what it does. */
export function withExamples(command: Command, examples: readonly (readonly [string, string])[]): Command {
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, meaning]) => `  ${line.padEnd(width)}  ${meaning}`);
  return command.addHelpText("after", `\nExamples:\n${lines.join("\n")}`);
}

/** For commander's options. @throws InvalidArgumentError, which commander reports with the option's name. */
export function countArgument(text: string): number {
  try {
    return parseCount(text);
  } catch (cause) {
    throw new InvalidArgumentError((cause as Error).message);
  }
}

/** `-e A=1 -e B=2`, collected. @throws TsfnError USAGE */
export function pairArgument(text: string, earlier: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new TsfnError("USAGE", `--env is "${text}"; wanted NAME=value`);
  return { ...earlier, [text.slice(0, at)]: text.slice(at + 1) };
}

/** The path of one function in the admin API. */
export function functionPath(name: string, rest = ""): string {
  return `/v1/functions/${encodeURIComponent(name)}${rest}`;
}
