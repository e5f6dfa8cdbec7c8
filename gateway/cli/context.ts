// What every command gets from the options that all share (`--json`, `--server`), and the small things commands say
// about themselves: their examples, and numbers parsed at the door.

import { resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { parseCount, settings } from "../../runtime/config.ts";
import { TsfnError } from "../../runtime/errors.ts";
import { type Client, openClient } from "./client.ts";
import { contextNamed, contextsPath, readContexts } from "./contexts.ts";
import { type Output, openOutput } from "./output.ts";

export interface Context {
  readonly output: Output;
  /** Opened on first use; nothing is sent before a command asks. @throws TsfnError USAGE */
  client(): Client;
}

export interface SharedOptions {
  readonly json?: boolean;
  readonly server?: string;
  readonly context?: string;
  readonly token?: string;
  /** The name that the commands about the server itself know the same thing by. */
  readonly admin?: string;
}

/** The server that a command asks. */
export interface ServerChoice {
  /** An absolute path of a socket, or a URL. */
  readonly address: string;
  readonly token: string | undefined;
  /** Where that comes from, in words. */
  readonly origin: string;
}

/** @param command the one that runs; it knows the program's options too. */
export function contextOf(command: Command): Context {
  const options = command.optsWithGlobals<SharedOptions>();
  return {
    output: openOutput({ json: options.json ?? false }),
    client: () => {
      const { address, token } = serverOf(options, process.env);
      return openClient(address, token);
    },
  };
}

/** Flags before variables before the current context before the socket that `server start` would use. @throws TsfnError */
export function serverOf(options: SharedOptions, env: NodeJS.ProcessEnv): ServerChoice {
  const { variable, fallback } = settings.adminSocket;
  const token = options.token || env.TSFN_TOKEN || undefined;
  const named = (name: string, origin: string): ServerChoice => {
    const saved = contextNamed(readContexts(contextsPath(env)), name);
    return { address: saved.server, token: token ?? saved.token, origin };
  };
  const plain = (address: string, origin: string): ServerChoice => ({ address, token, origin });
  if (options.server) return plain(addressOf(options.server, "--server"), "--server");
  const { admin } = options;
  if (admin) return plain(admin.includes("://") ? admin : resolve(admin), "--admin");
  if (options.context) return named(options.context, "--context");
  if (env.TSFN_SERVER) return plain(addressOf(env.TSFN_SERVER, "TSFN_SERVER"), "TSFN_SERVER");
  if (env.TSFN_CONTEXT) return named(env.TSFN_CONTEXT, "TSFN_CONTEXT");
  if (env[variable]) return plain(env[variable], variable);
  const { current } = readContexts(contextsPath(env));
  return current === null ? plain(fallback, "the default") : named(current, `the current context, ${current}`);
}

/** A URL as it is, a path as an absolute one. @throws TsfnError USAGE for what may be meant as either */
function addressOf(text: string, origin: string): string {
  if (text.includes("://")) return text;
  if (text.includes("/")) return resolve(text);
  const meant = /:\d+$/.test(text) ? `http://${text}` : `./${text}`;
  const wanted = "the path of a socket, such as ./admin.sock, or a URL, such as http://127.0.0.1:8081";
  throw new TsfnError("USAGE", `${origin} is "${text}"; wanted ${wanted}; did you mean ${meant}?`);
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

/** As countArgument, and 0. */
export function wholeArgument(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new InvalidArgumentError(`is "${text}"; wanted a whole number from 0`);
}

/** `-e A=1 -e B=2`, collected. @throws TsfnError USAGE */
export function pairArgument(text: string, earlier: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf("=");
  if (at < 1) throw new TsfnError("USAGE", `--env is "${text}"; wanted NAME=value`);
  return { ...earlier, [text.slice(0, at)]: text.slice(at + 1) };
}

/** The path of one function in the admin API. @throws TsfnError USAGE for a name that would be no part of it */
export function functionPath(name: string, rest = ""): string {
  if (/^\.{0,2}$/.test(name)) {
    throw new TsfnError(
      "USAGE",
      `the function's name is "${name}"; wanted one that \`tsfn list\` shows, such as hello`,
    );
  }
  return `/v1/functions/${encodeURIComponent(name)}${rest}`;
}
