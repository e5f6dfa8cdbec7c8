// The project's own source files and what each of them imports, read from the disk. The rules over them are in
// rules.ts; the *.test.ts files beside it apply them to the real tree.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix, relative } from "node:path";

export const root = join(import.meta.dirname, "../..");

export interface SourceFile {
  /** Relative to the root of the project, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

export interface Import {
  /** As written. */
  readonly specifier: string;
  /** The imported file, relative to the root; null for `node:` and packages. */
  readonly target: string | null;
  /** Erased before the program runs. */
  readonly typeOnly: boolean;
}

const folders = ["gateway", "runtime", "native", "functions", "bench", "test"];
const skipped = new Set(["node_modules", "build", "fixtures", "results"]);

/** Every TypeScript, C and header file. */
export function readTree(): readonly SourceFile[] {
  return folders.flatMap(walk).map((path) => sourceFile(path, readFileSync(join(root, path), "utf8")));
}

export function sourceFile(path: string, text: string): SourceFile {
  return { path, text, imports: path.endsWith(".ts") ? findImports(path, text) : [] };
}

export function isTypeScript({ path }: SourceFile): boolean {
  return path.endsWith(".ts");
}

function walk(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(?:ts|c|h)$/.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .filter((path) => !path.split("/").some((part) => skipped.has(part)))
    .sort();
}

// Biome's format puts every import at the start of a line and its specifier in double quotes, so no parser is needed.
const statement = /^(?:import|export)\s+(type\s)?(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gm;
const dynamic = /\bimport\(\s*"([^"]+)"/g;

function findImports(path: string, text: string): Import[] {
  const make = (specifier: string, typeOnly: boolean): Import => ({
    specifier,
    target: specifier.startsWith(".") ? posix.normalize(posix.join(dirname(path), specifier)) : null,
    typeOnly,
  });
  return [
    ...[...text.matchAll(statement)].map(([, type, specifier]) => make(specifier ?? "", type !== undefined)),
    ...[...text.matchAll(dynamic)].map(([, specifier]) => make(specifier ?? "", false)),
  ];
}
