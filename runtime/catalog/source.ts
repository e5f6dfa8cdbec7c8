// A function's directory before it is built: its manifest after the command line's overrides, and the module where
// bundling begins. bundle.ts makes a bundle from it.

import { readlink, realpath } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { applyEdits, getNodeValue, modify } from "jsonc-parser";
import { isErrno, TsfnError } from "../errors.ts";
import { parseJsonText } from "./json-text.ts";
import { type ParsedManifest, readManifest } from "./manifest.ts";
import { envNameProblem } from "./manifest-schema.ts";
import { quote } from "./name.ts";
import { oddKind, readIfThere, statIfThere } from "./source-files.ts";
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
const packageFile = "package.json";
const packageDialect = {
  comments: false,
  maxDepth: 200,
  wanted: { object: `an object: { "type": "module" }`, depth: "at most a few" },
};
const usualEntries = ["index.ts", "src/index.ts", "index.js", "index.mjs"];

/** @throws TsfnError SOURCE_INVALID, MANIFEST_INVALID, NAME_INVALID, USAGE */
export async function loadSource(dir: string, overrides: SourceOverrides = {}): Promise<FunctionSource> {
  const root = await resolveDirectory(dir);
  const text = (await readIfThere(join(root, manifestFile))) ?? "{}\n";
  const defaults = { name: overrides.name ?? basename(root) };
  const written = readManifest(text, manifestFile, defaults);
  const manifestText = override(text, { env: overrides.env ?? {}, name: overrides.name ?? written.manifest.name });
  const { manifest } = manifestText === text ? written : readManifest(manifestText, manifestFile, {});
  const entry = manifest.runtime === "provided" ? await findProgram(root) : await findEntry(root, written);
  return { dir: root, entry, manifest, manifestText };
}

async function resolveDirectory(dir: string): Promise<string> {
  const stats = await statIfThere(dir);
  if (stats === undefined) throw new TsfnError("SOURCE_INVALID", `there is no directory ${resolve(dir)}`);
  const root = await realpath(dir).catch(async (cause: unknown) => {
    if (!isErrno(cause, "ENOENT")) throw cause;
    const message = `${resolve(dir)} is a link to ${await readlink(dir)}, which is not there`;
    throw new TsfnError("SOURCE_INVALID", message, { cause });
  });
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
  const path = join(root, name);
  const stats = await statIfThere(path);
  if (stats?.isFile() && (stats.mode & 0o111) !== 0) return name;
  const found = stats === undefined ? "not there" : (oddKind(stats) ?? "not executable");
  throw new TsfnError("SOURCE_INVALID", `"runtime" is "provided", which runs the program ${path}: it is ${found}`, {
    hint: stats?.isFile() ? `chmod +x ${path}` : `Put an executable file named ${name} there`,
  });
}

async function findEntry(root: string, { main, problemWith }: ParsedManifest): Promise<string> {
  if (main !== undefined) {
    const stats = await statIfThere(join(root, main));
    if (stats?.isFile()) return main.replace(/^\.\//, "");
    const found = stats === undefined ? "is not there" : `is ${oddKind(stats)}`;
    const problem = problemWith("main", `main is ${quote(main)}, which ${found}; wanted a module of the function`);
    throw new TsfnError("SOURCE_INVALID", problem.message, {
      problems: [problem],
      hint: `Name a file below ${root}, or leave "main" out where it is index.ts`,
    });
  }
  // `npm init` writes a main that often names nothing, so one that is missing is passed over.
  const candidates = [...(await packageMain(root)), ...usualEntries];
  const odd: string[] = [];
  for (const candidate of candidates) {
    const stats = await statIfThere(join(root, candidate));
    if (stats?.isFile()) return candidate;
    if (stats !== undefined) odd.push(`${candidate}, which is ${oddKind(stats)}`);
  }
  const found = odd.length === 0 ? "" : `; found ${odd.join(", ")}`;
  throw new TsfnError("SOURCE_INVALID", `${root} holds no module to run; looked for ${candidates.join(", ")}${found}`, {
    hint: `Add index.ts, or set "main" in tsfn.json`,
  });
}

async function packageMain(root: string): Promise<string[]> {
  const text = await readIfThere(join(root, packageFile));
  if (text === undefined) return [];
  const parsed = parseJsonText({ file: packageFile, text: text.replace(/^\uFEFF/, "") }, packageDialect);
  if ("problems" in parsed) {
    const { problems } = parsed;
    throw new TsfnError("SOURCE_INVALID", `${join(root, packageFile)} is not JSON`, {
      problems,
      hint: `Mend ${packageFile}`,
    });
  }
  const { main } = Object(getNodeValue(parsed.root)) as { main?: unknown };
  const isInside = typeof main === "string" && !main.startsWith("/") && !main.split("/").includes("..");
  return isInside ? [main.replace(/^\.\//, "")] : [];
}
