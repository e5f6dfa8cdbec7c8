// From the text of tsfn.json to a Manifest, or to every mistake in it at once. The schema is manifest-schema.ts, the
// sentences are manifest-problems.ts.

import { createScanner, getNodeValue, type ParseError, parseTree, printParseErrorCode } from "jsonc-parser";
import type { z } from "zod";
import { type Problem, TsfnError } from "../errors.ts";
import { hiddenKeys, type ManifestText, problemAt, problemsOf, sortByPlace } from "./manifest-problems.ts";
import { manifestSchema } from "./manifest-schema.ts";
import { checkName } from "./name.ts";
import type { Manifest } from "./version.ts";

export const maxManifestBytes = 262_144;
const maxDepth = 16;

/** What fills gaps in the file. Without a name here, the file must have one. */
export interface ManifestDefaults {
  readonly name?: string;
}

/** A manifest with what matters only where it was written. */
export interface ParsedManifest {
  readonly manifest: Manifest;
  /** The module named by `main`, as written. */
  readonly main: string | undefined;
}

/** @throws TsfnError MANIFEST_INVALID with all problems, NAME_INVALID when only the default name is at fault. */
export function parseManifest(text: string, file: string, defaults: ManifestDefaults): Manifest {
  return readManifest(text, file, defaults).manifest;
}

/** As parseManifest, with `main` beside it. */
export function readManifest(text: string, file: string, defaults: ManifestDefaults): ParsedManifest {
  const source = { file, text: text.replace(/^\uFEFF/, "") };
  const root = parseJsonc(source);
  const result = manifestSchema.safeParse(getNodeValue(root));
  const problems = sortByPlace([
    ...hiddenKeys(source, root),
    ...problemsOf(source, root, result.success ? [] : result.error.issues),
  ]);
  if (!result.success || problems.length > 0) throw invalid(file, problems);
  const name = result.data.name ?? checkDefaultName(source, defaults);
  return { manifest: toManifest(name, result.data), main: result.data.main };
}

function parseJsonc(source: ManifestText) {
  const { file, text } = source;
  if (Buffer.byteLength(text) > maxManifestBytes) {
    throw invalid(file, [problemAt(source, 0, `${file} has ${text.length} characters; wanted at most 256 KiB`)]);
  }
  checkDepth(source);
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true });
  if (root === undefined) {
    throw invalid(file, [problemAt(source, 0, `${file} is empty; wanted an object: { "name": "hello" }`)]);
  }
  if (errors.length > 0) throw invalid(file, syntaxProblems(source, errors));
  return root;
}

// The parser recurses per level, so a hostile file could exhaust the stack. The scanner's kinds are a const enum, which
// type stripping cannot import: { is 1, } is 2, [ is 3, ] is 4, the end is 17.
function checkDepth(source: ManifestText): void {
  const scanner = createScanner(source.text, true);
  let depth = 0;
  for (let kind = scanner.scan() as number; kind !== 17; kind = scanner.scan() as number) {
    if (kind === 1 || kind === 3) depth++;
    if (kind === 2 || kind === 4) depth--;
    if (depth <= maxDepth) continue;
    const message = `values nest deeper than ${maxDepth} levels; wanted at most 2`;
    throw invalid(source.file, [problemAt(source, scanner.getTokenOffset(), message)]);
  }
}

const syntaxMessages: ReadonlyMap<string, string> = new Map([
  ["InvalidSymbol", "is not JSON; strings and keys need double quotes"],
  ["InvalidNumberFormat", "is not a number"],
  ["PropertyNameExpected", "stands where a key in double quotes is wanted"],
  ["ValueExpected", "stands where a value is wanted"],
  ["ColonExpected", "stands where a : is wanted"],
  ["CommaExpected", "stands where a , is wanted"],
  ["CloseBraceExpected", "stands where a } is wanted"],
  ["CloseBracketExpected", "stands where a ] is wanted"],
  ["EndOfFileExpected", "follows the end of the object; wanted nothing after it"],
  ["InvalidCommentToken", "is not a comment; wanted // or /* */"],
  ["UnexpectedEndOfComment", "is a comment without its end"],
  ["UnexpectedEndOfString", "is a string without its closing quote"],
  ["UnexpectedEndOfNumber", "is an unfinished number"],
  ["InvalidUnicode", "holds a bad \\u escape; wanted four hex digits"],
  ["InvalidEscapeCharacter", "holds a bad escape"],
  ["InvalidCharacter", "holds a control character; wanted an escape such as \\n"],
]);

function syntaxProblems(source: ManifestText, errors: readonly ParseError[]): Problem[] {
  return errors.map(({ error, offset, length }) => {
    const found = source.text.slice(offset, offset + Math.min(length, 40)).split("\n", 1)[0] ?? "";
    const subject = found.trim() === "" ? "the end of the file" : `${JSON.stringify(found)}`;
    const message = syntaxMessages.get(printParseErrorCode(error)) ?? "is not JSON";
    return problemAt(source, offset, `${subject} ${message}`);
  });
}

function invalid(file: string, problems: readonly Problem[]): TsfnError {
  const count = problems.length === 1 ? "one problem" : `${problems.length} problems`;
  return new TsfnError("MANIFEST_INVALID", `${file} has ${count}`, { problems });
}

function checkDefaultName(source: ManifestText, { name }: ManifestDefaults): string {
  if (name !== undefined) return checkName(name, `Set "name" in ${source.file}, or pass --name`);
  throw invalid(source.file, [problemAt(source, 0, `name is missing; wanted "name": "hello" or the like`)]);
}

function toManifest(name: string, data: z.output<typeof manifestSchema>): Manifest {
  const { limits, scaling } = data;
  return {
    name,
    runtime: data.runtime,
    handler: data.handler,
    env: { ...data.env },
    secrets: [...data.secrets],
    limits: {
      memoryBytes: limits.memory,
      cpus: limits.cpus,
      timeoutMs: limits.timeout,
      diskBytes: limits.disk,
      pids: limits.pids,
      bodyBytes: limits.body,
    },
    concurrency: data.concurrency,
    reuse: data.reuse,
    prefork: data.prefork ?? (data.runtime === "provided" ? "none" : "function"),
    scaling: { min: scaling.min, max: scaling.max, idleTimeoutMs: scaling.idleTimeout },
    routes: data.routes,
    network: data.network,
  };
}
