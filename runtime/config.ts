// Every setting of the server as one object: flag, variable, default, validator. Parsed once (gateway/cli for people,
// gateway/tsfnd for the daemon) into Settings; nothing downstream has defaults.

import { readFileSync, statSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { TsfnError } from "./errors.ts";

export interface Settings {
  readonly listen: Address;
  /** Path of the admin API's unix socket. */
  readonly adminSocket: string;
  /** Where the admin API is also served over TCP, for whoever has the token; null: nowhere. */
  readonly adminListen: Address | null;
  /** Of the token that the TCP listener wants, in hexadecimal: tsfnd itself never knows the token. */
  readonly adminTokenSha256: string | null;
  readonly dataDir: string;
  /** How long a stopping server waits for invocations in flight. */
  readonly graceMs: number;
  /** Instances over all functions. */
  readonly maxInstances: number;
  /** Invocations waiting per function. */
  readonly maxWaiting: number;
  /** Bytes held by waiting invocations per function. */
  readonly maxWaitingBytes: number;
  /** Sandboxes made ahead, for any function. */
  readonly sandboxesReady: number;
  /** Zygotes made ahead, for any version. */
  readonly zygotesReady: number;
  /** What zygotes may hold in all; the least recently used go first. */
  readonly zygoteMemoryBytes: number;
  /** `sync`: acknowledged deployments survive power loss. `none`: for `tsfn dev`, whose data directory is thrown away. */
  readonly durability: "sync" | "none";
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Setting<Value> {
  readonly flag: string;
  readonly variable: string;
  readonly fallback: string;
  readonly description: string;
  /** @throws Error whose message says what was found and what is wanted. */
  readonly parse: (text: string) => Value;
}

/** Random ones of this length cannot be found again from their hash, which a machine's users may see. */
const minTokenLength = 20;

const setting = <Value>(
  flag: string,
  variable: string,
  fallback: string,
  description: string,
  parse: (text: string) => Value,
): Setting<Value> => ({ flag, variable, fallback, description, parse });

export const settings: { readonly [Key in keyof Settings]: Setting<Settings[Key]> } = {
  listen: setting("--listen", "TSFN_LISTEN", "127.0.0.1:8080", "address of the public listener", parseAddress),
  adminSocket: setting("--admin", "TSFN_ADMIN", "/run/tsfn/admin.sock", "path of the admin socket", parsePath),
  adminListen: setting(
    "--admin-listen",
    "TSFN_ADMIN_LISTEN",
    "off",
    "address of the admin API over TCP; needs a token",
    (text) => (text === "off" ? null : parseAddress(text)),
  ),
  adminTokenSha256: setting(
    "--token-file",
    "TSFN_TOKEN_FILE",
    "none",
    "file with the token for --admin-listen; TSFN_TOKEN holds the token itself",
    (text) => (text === "none" ? null : hashToken(readTokenFile(text))),
  ),
  dataDir: setting("--data-dir", "TSFN_DATA_DIR", "/var/lib/tsfn", "where functions and layers are kept", parsePath),
  graceMs: setting("--grace", "TSFN_GRACE", "30s", "how long a stop waits for invocations in flight", parseDuration),
  maxInstances: setting(
    "--max-instances",
    "TSFN_MAX_INSTANCES",
    String(defaultMaxInstances()),
    "instances over all functions",
    parseCount,
  ),
  maxWaiting: setting("--max-waiting", "TSFN_MAX_WAITING", "1000", "invocations waiting per function", parseCount),
  maxWaitingBytes: setting(
    "--max-waiting-bytes",
    "TSFN_MAX_WAITING_BYTES",
    "64mb",
    "bytes held by waiting invocations per function",
    parseSize,
  ),
  sandboxesReady: setting(
    "--sandboxes-ready",
    "TSFN_SANDBOXES_READY",
    "8",
    "sandboxes made ahead, for any function",
    parseWhole,
  ),
  zygotesReady: setting(
    "--zygotes-ready",
    "TSFN_ZYGOTES_READY",
    "1",
    "zygotes made ahead, for any version",
    parseWhole,
  ),
  zygoteMemoryBytes: setting(
    "--zygote-memory",
    "TSFN_ZYGOTE_MEMORY",
    `${Math.max(64, Math.floor(totalmem() / 4 / 2 ** 20))}mb`,
    "memory that zygotes may hold in all",
    parseSize,
  ),
  durability: setting("--durability", "TSFN_DURABILITY", "sync", "sync or none", parseDurability),
};

/** Flag before variable before default. @throws TsfnError USAGE naming the flag or variable that is wrong, NOT_ALLOWED */
export function resolveSettings(
  flags: Readonly<Partial<Record<keyof Settings, string>>>,
  env: Readonly<Record<string, string | undefined>>,
): Settings {
  const resolve = <Key extends keyof Settings>(key: Key): Settings[Key] => {
    const { flag, variable, fallback, parse } = settings[key];
    const [origin, text] =
      flags[key] !== undefined
        ? [flag, flags[key]]
        : env[variable] !== undefined && env[variable] !== ""
          ? [variable, env[variable]]
          : ["default", fallback];
    try {
      return parse(text);
    } catch (cause) {
      if (cause instanceof TsfnError) throw cause;
      throw new TsfnError("USAGE", `${origin} ${(cause as Error).message}`, { cause });
    }
  };
  const adminListen = resolve("adminListen");
  const adminTokenSha256 = tokenOf(flags, env) ?? resolve("adminTokenSha256");
  if (adminListen !== null && adminTokenSha256 === null) {
    throw new TsfnError("USAGE", "--admin-listen wants a token, and there is none; wanted --token-file or TSFN_TOKEN");
  }
  return {
    listen: resolve("listen"),
    adminSocket: resolve("adminSocket"),
    adminListen,
    adminTokenSha256,
    dataDir: resolve("dataDir"),
    graceMs: resolve("graceMs"),
    maxInstances: resolve("maxInstances"),
    maxWaiting: resolve("maxWaiting"),
    maxWaitingBytes: resolve("maxWaitingBytes"),
    sandboxesReady: resolve("sandboxesReady"),
    zygotesReady: resolve("zygotesReady"),
    zygoteMemoryBytes: resolve("zygoteMemoryBytes"),
    durability: resolve("durability"),
  };
}

/** The token itself, from TSFN_TOKEN; a file that is named on the command line wins. */
function tokenOf(
  flags: Readonly<Partial<Record<keyof Settings, string>>>,
  { TSFN_TOKEN: token }: Readonly<Record<string, string | undefined>>,
): string | null {
  if (flags.adminTokenSha256 !== undefined || token === undefined || token === "") return null;
  try {
    return hashToken(token);
  } catch (cause) {
    throw new TsfnError("USAGE", `TSFN_TOKEN ${(cause as Error).message}`, { cause });
  }
}

/** @throws TsfnError NOT_ALLOWED when others may read it */
function readTokenFile(path: string): string {
  try {
    const found = statSync(path);
    // A pipe has no mode worth a look: what it carries is read once.
    if (found.isFile() && (found.mode & 0o077) !== 0) {
      const message = `the token file ${path} has mode ${(found.mode & 0o777).toString(8)}; wanted 600, for its owner alone`;
      throw new TsfnError("NOT_ALLOWED", message, { hint: `Run: chmod 600 ${path}` });
    }
    return readFileSync(path, "utf8").trim();
  } catch (cause) {
    if (cause instanceof TsfnError) throw cause;
    throw new Error(`cannot be read: ${(cause as Error).message}`, { cause });
  }
}

/** What may stand in an Authorization header, and too long to be guessed. The token is in no message. */
function hashToken(token: string): string {
  if (!/^[A-Za-z0-9._~+/-]+=*$/.test(token) || token.length < minTokenLength) {
    const wanted = `wanted at least ${minTokenLength} of A-Z a-z 0-9 . _ ~ + / -, as from: openssl rand -hex 32`;
    throw new Error(`holds a token of ${token.length} characters; ${wanted}`);
  }
  // Few need it: loaded when asked for.
  return process.getBuiltinModule("node:crypto").createHash("sha256").update(token).digest("hex");
}

const sizeUnits: Readonly<Record<string, number>> = { b: 1, kb: 2 ** 10, mb: 2 ** 20, gb: 2 ** 30 };
const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** `128mb` → bytes; units b, kb, mb, gb are powers of 1024. */
export function parseSize(text: string): number {
  return parseQuantity(text, sizeUnits, "a size such as 64mb");
}

/** `30s` → milliseconds; units ms, s, m, h. */
export function parseDuration(text: string): number {
  return parseQuantity(text, durationUnits, "a duration such as 30s");
}

function parseQuantity(text: string, units: Readonly<Record<string, number>>, wanted: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]+)$/i.exec(text.trim());
  const unit = match?.[2] === undefined ? undefined : units[match[2].toLowerCase()];
  const value = match?.[1] === undefined || unit === undefined ? Number.NaN : Math.round(Number(match[1]) * unit);
  if (!Number.isSafeInteger(value)) {
    throw new Error(`is "${text}"; wanted ${wanted} (units: ${Object.keys(units).join(", ")})`);
  }
  return value;
}

export function parseCount(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < 1) {
    throw new Error(`is "${text}"; wanted a whole number from 1`);
  }
  return value;
}

function parseWhole(text: string): number {
  return text === "0" ? 0 : parseCount(text);
}

/** `host:port`, `:port` (every address) or `[v6]:port`; port 0 lets the kernel choose. */
export function parseAddress(text: string): Address {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:\s]*)):(\d{1,5})$/i.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new Error(`is "${text}"; wanted host:port, such as 127.0.0.1:8080`);
  return { host: match[1] ?? (match[2] || "0.0.0.0"), port };
}

function parsePath(text: string): string {
  if (!text.startsWith("/")) throw new Error(`is "${text}"; wanted an absolute path`);
  return text.length > 1 ? text.replace(/\/+$/, "") : text;
}

function parseDurability(text: string): Settings["durability"] {
  if (text !== "sync" && text !== "none") throw new Error(`is "${text}"; wanted sync or none`);
  return text;
}

/** An instance that has served one request keeps about 48 MiB; half of the memory is left to everything else. */
function defaultMaxInstances(): number {
  return Math.max(8, Math.min(2_000, Math.floor(totalmem() / 2 / (48 * 2 ** 20)), cpus().length * 500));
}
