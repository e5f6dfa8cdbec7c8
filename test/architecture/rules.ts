// The rules of the tree as pure functions from source files to sentences, one per violation. docs/architecture.md tells
// why they exist; rules.test.ts proves that each of them can fail.

import { posix } from "node:path";
import { isTypeScript, type SourceFile } from "./tree.ts";

type Rule = (files: readonly SourceFile[]) => string[];

/** gateway → runtime → native, and the examples stand alone. `test` and `bench` may look at everything. */
export const importDirection: Rule = (files) =>
  eachImport(files, ({ path }, target) => {
    const [from, to] = [topFolder(path), topFolder(target)];
    const allowed = new Map([
      ["gateway", ["gateway", "runtime"]],
      ["runtime", ["runtime", "native"]],
      ["functions", []],
    ]).get(from);
    if (from === "functions" && posix.dirname(path) === posix.dirname(target)) return undefined;
    if (allowed === undefined || allowed.includes(to)) return undefined;
    return `${path} imports ${target}: ${from} may import only ${allowed.join(" and ") || "packages"}`;
  });

/** What runs inside a container drags nothing of the daemon along. build.ts and index.ts are the host's side. */
export const guestStandsAlone: Rule = (files) =>
  files
    .filter(({ path }) => path.startsWith("runtime/guest/") && !/\/(?:build|index)\.ts$/.test(path))
    .flatMap(({ path, imports }) =>
      imports
        .filter(({ specifier, target }) =>
          target === null ? !specifier.startsWith("node:") : !/^runtime\/(?:(?:guest|wire)\/|churn\.ts$)/.test(target),
        )
        .map(
          ({ specifier }) =>
            `${path} imports ${specifier}: the guest may import only runtime/wire, runtime/churn.ts and node:`,
        ),
    );

// The command line must start without loading the whole runtime, so what has no dependents stays open by itself.
const open = new Set(["churn", "errors", "config", "invocation", "trace"].map((name) => `runtime/${name}.ts`));

const hasFrontPages = /^(?:gateway|runtime)\//;

/** An import that enters a folder enters it through index.ts. Tests may look behind the front page. */
export const frontPages: Rule = (files) =>
  eachImport(
    files.filter(({ path }) => !path.startsWith("test/")),
    ({ path }, target) => {
      const folder = posix.dirname(target);
      const inside = posix.dirname(path) === folder || path.startsWith(`${folder}/`);
      if (inside || !hasFrontPages.test(target) || open.has(target) || posix.basename(target) === "index.ts")
        return undefined;
      return `${path} imports ${target}: past the front page ${folder}/index.ts`;
    },
  );

/** Type-only imports do not count: they are erased, and contracts may name one another. */
export const noCycles: Rule = (files) => {
  const edges = new Map(
    files.map(({ path, imports }) => [
      path,
      imports.flatMap(({ target, typeOnly }) => (target === null || typeOnly ? [] : [target])),
    ]),
  );
  const finished = new Set<string>();
  const found: string[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      found.push([...trail.slice(trail.indexOf(path)), path].join(" → "));
      return;
    }
    if (finished.has(path)) return;
    for (const next of edges.get(path) ?? []) visit(next, [...trail, path]);
    finished.add(path);
  };
  for (const path of edges.keys()) visit(path, []);
  return found;
};

/** Small enough to read at once, large enough to be worth a file: front pages, examples, and C with its header aside. */
export const fileSizes: Rule = (files) => {
  const paths = new Set(files.map(({ path }) => path));
  return files.flatMap(({ path, text }) => {
    const lines = text.split("\n").length - 1;
    const most = path.endsWith(".ts") ? 300 : 400;
    const least =
      /(?:^functions\/|\/index\.ts$|\.h$)/.test(path) || (path.endsWith(".c") && paths.has(path.replace(/c$/, "h")))
        ? 0
        : 15;
    if (lines > most) return [`${path} has ${lines} lines; wanted at most ${most}`];
    return lines < least ? [`${path} has ${lines} lines; wanted at least ${least}`] : [];
  });
};

const vagueNames = /^(?:utils?|helpers?|types?|common|managers?|misc|shared)$/;

/** A name says what is inside; these words say only that somebody did not know where to put it. */
export const fileNames: Rule = (files) =>
  files.flatMap(({ path }) => {
    const words = path.replace(/\.[a-z]+$/, "").split(/[/._-]/);
    const vague = words.find((word) => vagueNames.test(word));
    if (vague !== undefined) return [`${path} is named "${vague}"`];
    const form = path.endsWith(".ts") ? /^[a-z0-9/.-]+$/ : /^(?:.*\/)?[a-z0-9_/]+\.[ch]$/;
    return form.test(path) ? [] : [`${path}: wanted kebab-case for TypeScript, snake_case for C`];
  });

/** One to three sentences on what it holds; a front page that only re-exports needs none. */
export const openingComments: Rule = (files) =>
  files
    .filter(({ path, text }) => !(path.endsWith("/index.ts") && /^export /.test(text)))
    .filter(({ text }) => !/^(?:#!.*\n)?(?:\/\/ |\/\*)/.test(text))
    .map(({ path }) => `${path} does not open with a comment on what it holds`);

const mayExit = /^(?:gateway\/cli\/main|gateway\/tsfnd|runtime\/guest\/[a-z-]+)\.ts$|^functions\/|^test\/|^bench\//;

/** Only the ends of a program end it: elsewhere process.exit cuts off what others have still to clean up. */
export const exits: Rule = (files) =>
  files
    .filter(({ path, text }) => !mayExit.test(path) && /\bprocess\.exit\(/.test(withoutComments(text)))
    .map(({ path }) => `${path} calls process.exit`);

/** A name that is exported is found by searching for it; the examples must have a default, it is the handler. */
export const noDefaultExports: Rule = (files) =>
  files
    .filter((file) => isTypeScript(file) && !file.path.startsWith("functions/"))
    .filter(({ path, text }) => !path.includes("/functions/") && /^export default\b/m.test(text))
    .filter(({ path }) => !path.startsWith("test/"))
    .map(({ path }) => `${path} has a default export`);

function eachImport(
  files: readonly SourceFile[],
  check: (file: SourceFile, target: string) => string | undefined,
): string[] {
  return files.flatMap((file) =>
    file.imports.flatMap(({ target }) => (target === null ? [] : (check(file, target) ?? []))),
  );
}

function topFolder(path: string): string {
  return path.slice(0, path.indexOf("/"));
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
}
