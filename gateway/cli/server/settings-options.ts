// The server's settings as options of a command: one per entry of runtime/config.ts, which stays the only place that
// knows their names, variables and defaults.

import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { resolveSettings, type Settings, settings } from "../../../runtime/config.ts";

const keys = Object.keys(settings) as (keyof Settings)[];
const paths: ReadonlySet<keyof Settings> = new Set(["adminSocket", "adminTokenSha256", "dataDir"]);

export function withSettings(command: Command): Command {
  for (const key of keys) command.addOption(optionOf(key));
  return command;
}

/** @param options as commander parsed them. @throws TsfnError USAGE */
export function settingsFromOptions(options: Readonly<Record<string, unknown>>, env: NodeJS.ProcessEnv): Settings {
  const flags: Partial<Record<keyof Settings, string>> = {};
  for (const key of keys) {
    const text = options[optionOf(key).attributeName()];
    // People type relative paths; the daemon runs elsewhere.
    if (typeof text === "string") flags[key] = paths.has(key) ? resolve(text) : text;
  }
  return resolveSettings(flags, env);
}

function optionOf(key: keyof Settings): Option {
  const { flag, variable, fallback, description } = settings[key];
  return new Option(`${flag} <value>`, `${description} (default: ${fallback}, env: ${variable})`);
}
