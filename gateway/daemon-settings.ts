// The settings of tsfnd from its arguments, parsed once: either `--settings` with the whole object, as the command line
// hands it over, or the flags of runtime/config.ts.

import { parseArgs } from "node:util";
import { z } from "zod";
import { resolveSettings, type Settings, settings as table } from "../runtime/config.ts";
import { TsfnError } from "../runtime/errors.ts";

const positive = z.int().min(1);
const address = z.strictObject({ host: z.string().min(1), port: z.int().min(0).max(65_535) });
const whole: z.ZodType<Settings> = z.strictObject({
  listen: address,
  adminSocket: z.string().startsWith("/"),
  adminListen: address.nullable(),
  adminTokenSha256: z.hash("sha256").nullable(),
  dataDir: z.string().startsWith("/"),
  graceMs: z.int().min(0),
  maxInstances: positive,
  maxWaiting: positive,
  maxWaitingBytes: positive,
  sandboxesReady: z.int().min(0),
  zygotesReady: z.int().min(0),
  zygoteMemoryBytes: positive,
  durability: z.enum(["sync", "none"]),
});

/** @throws TsfnError USAGE */
export function daemonSettings(args: readonly string[], env: NodeJS.ProcessEnv): Settings {
  const flags = parseFlags(args);
  const { settings: json, ...single } = flags;
  if (json === undefined) return resolveSettings(byKey(single), env);
  const parsed = whole.safeParse(parseJson(json));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  throw new TsfnError("USAGE", `--settings is not the settings of a server: ${problems.join("; ")}`);
}

function parseFlags(args: readonly string[]): Record<string, string | undefined> {
  const names = ["settings", ...Object.values(table).map(({ flag }) => flag.slice(2))];
  const options = Object.fromEntries(names.map((name) => [name, { type: "string" as const }]));
  try {
    return parseArgs({ args: [...args], options, strict: true }).values as Record<string, string | undefined>;
  } catch (cause) {
    throw new TsfnError("USAGE", (cause as Error).message, { cause });
  }
}

function byKey(flags: Record<string, string | undefined>): Partial<Record<keyof Settings, string>> {
  const keys = Object.keys(table) as (keyof Settings)[];
  return Object.fromEntries(
    keys.flatMap((key) => {
      const text = flags[table[key].flag.slice(2)];
      return text === undefined ? [] : [[key, text]];
    }),
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new TsfnError("USAGE", `--settings is not JSON: ${(cause as Error).message}`, { cause });
  }
}
