// From text to a tree of JSON with the place of every value, or to the mistakes that the person who wrote it sees: the
// follow-up errors of a parser that has lost its way are left out. tsfn.json and package.json are read here.

import { createScanner, type Node, type ParseError, parseTree, printParseErrorCode, stripComments } from "jsonc-parser";
import type { Problem } from "../errors.ts";
import { type ManifestText, problemAt } from "./manifest-problems.ts";

export interface JsonDialect {
  /** With comments and trailing commas. */
  readonly comments: boolean;
  readonly maxDepth: number;
  /** Ends the sentences about a text that is empty or nests too deep. */
  readonly wanted: { readonly object: string; readonly depth: string };
}

/** A tree, or at least one problem. */
export type ParsedJson = { readonly root: Node } | { readonly problems: readonly Problem[] };

export function parseJsonText(source: ManifestText, { comments, maxDepth, wanted }: JsonDialect): ParsedJson {
  const { file, text } = source;
  const tooDeep = offsetBelow(text, maxDepth);
  if (tooDeep !== undefined) {
    const message = `values nest deeper than ${maxDepth} levels; wanted ${wanted.depth}`;
    return { problems: [problemAt(source, tooDeep, message)] };
  }
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: comments, disallowComments: !comments });
  if (errors.length === 0 && root !== undefined) return { root };
  if (stripComments(text).trim() === "") {
    return { problems: [problemAt(source, 0, `${file} is empty; wanted ${wanted.object}`)] };
  }
  return { problems: worthTelling(source, errors).map((error) => syntaxProblem(source, error)) };
}

// The parser recurses per level, so a hostile file could exhaust the stack. The scanner's kinds are a const enum, which
// type stripping cannot import: { is 1, } is 2, [ is 3, ] is 4, the end is 17.
function offsetBelow(text: string, maxDepth: number): number | undefined {
  const scanner = createScanner(text, true);
  let depth = 0;
  for (let kind = scanner.scan() as number; kind !== 17; kind = scanner.scan() as number) {
    if (kind === 1 || kind === 3) depth++;
    if (kind === 2 || kind === 4) depth--;
    if (depth > maxDepth) return scanner.getTokenOffset();
  }
  return undefined;
}

/** A token that is wrong whatever stands around it. */
const wrongTokens: ReadonlyMap<string, string> = new Map([
  ["InvalidSymbol", "is not JSON; strings and keys need double quotes"],
  ["InvalidNumberFormat", "is not a number"],
  ["InvalidCommentToken", "is a comment, which only tsfn.json may have; wanted none"],
  ["UnexpectedEndOfComment", "is a comment without its end; wanted */"],
  ["UnexpectedEndOfString", "is a string without its closing quote; wanted one before the line ends"],
  ["UnexpectedEndOfNumber", "is an unfinished number"],
  ["InvalidUnicode", "holds a bad \\u escape; wanted four hex digits"],
  ["InvalidEscapeCharacter", "holds a bad escape; wanted \\\\ for a backslash"],
  ["InvalidCharacter", "holds a control character; wanted an escape such as \\t"],
]);
/** A token that is wrong only where it stands. */
const misplacedTokens: ReadonlyMap<string, string> = new Map([
  ["PropertyNameExpected", "stands where a key in double quotes is wanted"],
  ["ValueExpected", "stands where a value is wanted"],
  ["ColonExpected", "stands where a : is wanted"],
  ["CommaExpected", "stands where a , is wanted"],
  ["CloseBraceExpected", "stands where a } is wanted"],
  ["CloseBracketExpected", "stands where a ] is wanted"],
  ["EndOfFileExpected", "follows the end of the object; wanted nothing after it"],
]);

/** The first error, and below its line those that no earlier one explains. */
function worthTelling({ text }: ManifestText, errors: readonly ParseError[]): ParseError[] {
  const told: ParseError[] = [];
  for (const error of errors.toSorted((a, b) => a.offset - b.offset)) {
    const last = told.at(-1);
    const isNews = last === undefined || text.slice(last.offset, error.offset).includes("\n");
    if (isNews && (last === undefined || wrongTokens.has(printParseErrorCode(error.error)))) told.push(error);
  }
  return told;
}

function syntaxProblem(source: ManifestText, { error, offset, length }: ParseError): Problem {
  const found = source.text.slice(offset, offset + Math.min(length, 40)).split("\n", 1)[0] ?? "";
  const code = printParseErrorCode(error);
  const said = oddSymbol(found) ?? wrongTokens.get(code) ?? misplacedTokens.get(code) ?? "is not JSON";
  const subject = found.trim() === "" ? "the end of the file" : shown(found);
  return problemAt(source, offset, `${subject} ${said}`);
}

function oddSymbol(found: string): string | undefined {
  if (found.startsWith("#")) return "begins no comment; wanted // or /* */";
  if (/^[+.][\d.]/.test(found)) return "is not a number; wanted one such as 1 or 0.5";
  return /^(?:<{7}|={7}|>{7})/.test(found) ? "is left of a merge; wanted one of its sides" : undefined;
}

/** A whole string has its quotes already. */
function shown(found: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is the point
  return /^"[^"\u0000-\u001f]*"$/.test(found) ? found : JSON.stringify(found);
}
