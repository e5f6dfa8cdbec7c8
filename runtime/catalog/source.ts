// A function's directory before it is built: its manifest after the command line's overrides, and the module where
// bundling begins. bundle.ts makes a bundle from it.

import type { Stats } from "node:fs";
import { lstat, readFile, realpath } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { applyEdits, modify } from "jsonc-parser";
import { isErrno, TsfnError } from "../errors.ts";
import { maxManifestBytes, readManifest } from "./manifest.ts";
import { envNameProblem } from "./manifest-schema.ts";
import { quote } from "./name.ts";
import { entryOf, type Manifest } from "./version.ts";

export interface FunctionSource {
  /** Absolute, without symbolic links. */
  readonly dir: string;
  /** The module with the handler, or the program of the runtime "provided", relative to `dir`. */
  readonly entry: string;
  readonly manifest: Manifest;
  /** tsfn.json after the overrides, with its comments; always with a name. */
  readonly manifestText: string;
}

/** What the command line says louder than the file. */
export interface SourceOverrides {
  readonly name?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const manifestFile = "tsfn.json";
const usualEntries = ["index.ts", "src/index.ts", "index.js", "index.mjs"];

/** @throws TsfnError SOURCE_INVALID, MANIFEST_INVALID, NAME_INVALID, USAGE */
export async function loadSource(dir: string, overrides: SourceOverrides = {}): Promise<FunctionSource> {
  const root = await resolveDirectory(dir);
  const text = (await readIfThere(join(root, manifestFile))) ?? "{}\n";
  const defaults = { name: overrides.name ?? basename(root) };
  const { manifest: written, main } = readManifest(text, manifestFile, defaults);
  const manifestText = override(text, { env: overrides.env ?? {}, name: overrides.name ?? written.name });
  const { manifest } = readManifest(manifestText, manifestFile, {});
  const entry = manifest.runtime === "provided" ? await findProgram(root) : await findEntry(root, main);
  return { dir: root, entry, manifest, manifestText };
}

async function resolveDirectory(dir: string): Promise<string> {
  const stats = await statIfThere(dir);
  if (stats === undefined) throw new TsfnError("SOURCE_INVALID", `there is no directory ${resolve(dir)}`);
  const root = await realpath(dir);
  const target = await statIfThere(root);
  if (target?.isDirectory()) return root;
  throw new TsfnError("SOURCE_INVALID", `${root} is not a directory; wanted one that holds index.ts`);
}

function override(text: string, { name, env }: Required<SourceOverrides>): string {
  const formattingOptions = { insertSpaces: true, tabSize: 2 };
  let result = text.replace(/^\uFEFF/, "");
  const set = (path: string[], value: string) => {
    result = applyEdits(result, modify(result, path, value, { formattingOptions }));
  };
  set(["name"], name);
  for (const [key, value] of Object.entries(env)) {
    const wanted = envNameProblem(key);
    if (wanted !== undefined)
      throw new TsfnError("USAGE", `--env ${quote(key)} cannot name a variable; wanted ${wanted}`);
    set(["env", key], value);
  }
  return result;
}

async function findProgram(root: string): Promise<string> {
  const name = entryOf("provided");
  const stats = await statIfThere(join(root, name));
  const found =
    stats === undefined ? "it is not there" : stats.isFile() ? "it is not executable" : "it is no regular file";
  if (stats?.isFile() && (stats.mode & 0o111) !== 0) return name;
  throw new TsfnError(
    "SOURCE_INVALID",
    `"runtime" is "provided", which runs the program ${join(root, name)}: ${found}`,
    {
      hint:
        found === "it is not executable"
          ? `chmod +x ${join(root, name)}`
          : `Put an executable file named ${name} there`,
    },
  );
}

async function findEntry(root: string, main: string | undefined): Promise<string> {
  if (main !== undefined) {
    if (await isFile(join(root, main))) return main.replace(/^\.\//, "");
    throw new TsfnError("SOURCE_INVALID", `"main" in tsfn.json is ${quote(main)}; wanted a file in ${root}`);
  }
  // `npm init` writes a main that often names nothing, so one that is missing is passed over.
  const candidates = [...(await packageMain(root)), ...usualEntries];
  for (const candidate of candidates) {
    if (await isFile(join(root, candidate))) return candidate;
  }
  const looked = candidates.join(", ");
  throw new TsfnError("SOURCE_INVALID", `${root} holds no module to run; looked for ${looked}`, {
    hint: `Add index.ts, or set "main" in tsfn.json`,
  });
}

async function packageMain(root: string): Promise<string[]> {
  const text = await readIfThere(join(root, "package.json"));
  if (text === undefined) return [];
  const main = parsePackage(text, root).main;
  const isInside = typeof main === "string" && !main.startsWith("/") && !main.split("/").includes("..");
  return isInside ? [main.replace(/^\.\//, "")] : [];
}

function parsePackage(text: string, root: string): { main?: unknown } {
  try {
    return Object(JSON.parse(text)) as { main?: unknown };
  } catch (cause) {
    const message = `package.json in ${root} is not JSON: ${(cause as Error).message}`;
    throw new TsfnError("SOURCE_INVALID", message, { cause, hint: "Mend package.json" });
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await statIfThere(path))?.isFile() ?? false;
}

async function statIfThere(path: string): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (isErrno(error, "ENOENT") || isErrno(error, "ENOTDIR")) return undefined;
    throw unreadable(path, error);
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  const stats = await statIfThere(path);
  if (stats === undefined) return undefined;
  if (!stats.isFile()) throw new TsfnError("SOURCE_INVALID", `${path} is not a regular file`);
  if (stats.size > 4 * maxManifestBytes) {
    throw new TsfnError("SOURCE_INVALID", `${path} has ${stats.size} bytes; wanted at most ${4 * maxManifestBytes}`);
  }
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): TsfnError {
  return new TsfnError("SOURCE_INVALID", `${path} cannot be read: ${(cause as Error).message}`, {
    cause,
    hint: "Check its permissions",
  });
}
