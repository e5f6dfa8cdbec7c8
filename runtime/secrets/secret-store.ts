// The values that functions must not carry in their code: kept encrypted (sealed-file.ts), handed out by name when an instance
// starts, and told to nobody else. Functions name what they want in tsfn.json.

import { join } from "node:path";
import { TsfnError } from "../errors.ts";
import { openSealedFile } from "./sealed-file.ts";

export interface SecretDescription {
  readonly name: string;
  /** ISO 8601. */
  readonly updatedAt: string;
}

export interface SecretStore {
  /** Sorted by name; never the values. */
  list(): readonly SecretDescription[];
  has(name: string): boolean;
  /** By name. @throws TsfnError SECRET_NOT_FOUND naming every one that is missing */
  values(names: readonly string[]): Readonly<Record<string, string>>;
  /** On disk when it resolves. @throws TsfnError SECRET_INVALID, DISK_FULL */
  put(name: string, value: string): Promise<void>;
  /** Nobody gets the value from the call on; it is gone from disk when this resolves. @throws TsfnError SECRET_NOT_FOUND */
  delete(name: string): Promise<void>;
}

export const secretLimits = {
  /** Of one value, in UTF-8: what fits a variable of a process with room to spare. */
  valueBytes: 32_768,
  secrets: 1_000,
} as const;

interface Secret {
  readonly value: string;
  readonly updatedAt: string;
}

/** @param dir exists and is ours alone. @throws TsfnError DATA_DIR_UNUSABLE */
export async function openSecretStore(dir: string): Promise<SecretStore> {
  const file = await openSealedFile(join(dir, "secrets.sealed"), join(dir, "secrets.key"));
  let secrets = new Map(
    Object.entries(file.content === null ? {} : (JSON.parse(file.content) as Record<string, Secret>)),
  );
  // One write after another, each with what those before it left.
  let last: Promise<unknown> = Promise.resolve();
  const change = (edit: (next: Map<string, Secret>) => void): Promise<void> => {
    const turn = last.then(async () => {
      const next = new Map(secrets);
      edit(next);
      await file.write(JSON.stringify(Object.fromEntries(next)));
      secrets = next;
    });
    last = turn.catch(() => undefined);
    return turn;
  };
  /** Being deleted: nobody gets them any more, though the file may have them still. */
  const leaving = new Set<{ readonly name: string }>();
  const has = (name: string) => secrets.has(name) && ![...leaving].some((each) => each.name === name);
  return {
    list: () => [...secrets].map(([name, { updatedAt }]) => ({ name, updatedAt })).sort(byName),
    has,
    values(names) {
      const missing = names.filter((name) => !has(name));
      if (missing.length > 0) throw notFound(missing);
      return Object.fromEntries(names.map((name) => [name, secrets.get(name)?.value ?? ""]));
    },
    async put(name, value) {
      checkSecret(name, value);
      await change((next) => {
        if (!next.has(name) && next.size >= secretLimits.secrets) {
          throw invalid(`there are ${next.size} secrets; wanted at most ${secretLimits.secrets}`);
        }
        next.set(name, { value, updatedAt: new Date().toISOString() });
      });
    },
    async delete(name) {
      const leaves = { name };
      leaving.add(leaves);
      try {
        await change((next) => {
          if (!next.delete(name)) throw notFound([name]);
        });
      } finally {
        leaving.delete(leaves);
      }
    },
  };
}

function byName(a: SecretDescription, b: SecretDescription): number {
  return a.name < b.name ? -1 : 1;
}

/** The value is in no message. */
function checkSecret(name: string, value: string): void {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name)) {
    throw invalid(`its name is ${JSON.stringify(name.slice(0, 80))}; wanted letters, digits and _, not a digit first`);
  }
  const bytes = Buffer.byteLength(value);
  if (bytes === 0) throw invalid(`the value of ${name} is empty`);
  if (bytes > secretLimits.valueBytes) {
    throw invalid(`the value of ${name} has ${bytes} bytes; wanted at most ${secretLimits.valueBytes}`);
  }
  if (value.includes("\0") || value.includes("\uFFFD")) {
    throw invalid(`the value of ${name} is no text without NUL, in UTF-8; encode it, as with base64`);
  }
}

function invalid(why: string): TsfnError {
  return new TsfnError("SECRET_INVALID", `the secret cannot be kept: ${why}`);
}

function notFound(names: readonly string[]): TsfnError {
  const [name = ""] = names;
  const message = names.length === 1 ? `there is no secret ${name}` : `there are no secrets ${names.join(", ")}`;
  return new TsfnError("SECRET_NOT_FOUND", message, {
    hint: `Make ${names.length === 1 ? "it" : "each"} with: tsfn secret put ${name.slice(0, 128)}`,
  });
}
