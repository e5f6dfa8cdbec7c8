// What a person may type while `tsfn dev` runs on a terminal: a letter and Enter. Read by lines, so that Ctrl-C and Ctrl-Z
// stay what they are.

import { createInterface } from "node:readline";
import type { Client } from "../client.ts";
import { functionPath } from "../context.ts";
import type { Output } from "../output.ts";
import { reportError } from "../report-error.ts";
import type { Reloader } from "./reload.ts";

export interface KeyParts {
  readonly client: Client;
  readonly reloaders: readonly Reloader[];
  readonly output: Output;
  /** Ends `tsfn dev`. */
  readonly end: () => void;
  /** Ends the listening. */
  readonly signal: AbortSignal;
}

interface Key {
  readonly does: string;
  readonly press: () => unknown;
}

/** Does nothing where nobody types. */
export function listenForKeys(parts: KeyParts): void {
  const { output, signal } = parts;
  if (!process.stdin.isTTY || output.json) return;
  const keys = keysOf(parts);
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => void keys.get(line.trim())?.press());
  signal.addEventListener("abort", () => lines.close(), { once: true });
  output.note("Type h and Enter for help.");
}

function keysOf({ client, reloaders, output, end, signal }: KeyParts): ReadonlyMap<string, Key> {
  const deployed = () => reloaders.flatMap((reloader) => reloader.deployed ?? []);
  const restart = async (): Promise<void> => {
    for (const { name } of deployed()) {
      await client.json<void>({ method: "POST", path: functionPath(name, "/restart") });
      output.note(`${name} begins anew: the next call is a cold start`);
    }
  };
  const tell = (thrown: unknown): void => {
    if (!signal.aborted) reportError(thrown, { json: false });
  };
  const keys: ReadonlyMap<string, Key> = new Map<string, Key>([
    ["r", { does: "restart the instances", press: () => restart().catch(tell) }],
    [
      "u",
      { does: "show the URLs", press: () => output.lines(deployed().flatMap(({ url, routes }) => [url, ...routes])) },
    ],
    ["c", { does: "clear the screen", press: () => process.stderr.write("\u001b[2J\u001b[3J\u001b[H") }],
    ["q", { does: "quit", press: end }],
    ["h", { does: "show this help", press: () => output.note(help()) }],
  ]);
  const help = (): string => [...keys].map(([key, { does }]) => `  ${key}  ${does}`).join("\n");
  return keys;
}
