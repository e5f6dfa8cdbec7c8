// From what esbuild says to problems with a place and a way out, in the words of a function's author: esbuild's own advice
// is often about options that there are not.

import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Message } from "esbuild";
import { type Problem, TsfnError } from "../errors.ts";
import { nearest } from "./nearest.ts";
import type { FunctionSource } from "./source.ts";

export async function bundleFailed(source: FunctionSource, thrown: unknown): Promise<TsfnError> {
  const messages = (thrown as { errors?: readonly Message[] }).errors;
  if (messages === undefined) {
    return new TsfnError("BUNDLE_FAILED", `esbuild failed: ${(thrown as Error).message}`, { cause: thrown });
  }
  const problems = await Promise.all(messages.map((message) => placed(source, message)));
  const count = problems.length === 1 ? "one error" : `${problems.length} errors`;
  return new TsfnError("BUNDLE_FAILED", `bundling ${source.entry} ended with ${count}`, { problems, cause: thrown });
}

export function toProblem(message: Message): Problem {
  const { text, location } = message;
  const hint = hintFor(message);
  return {
    message: text,
    ...(location !== null && {
      file: location.file,
      line: location.line,
      // esbuild counts bytes from 0; editors count characters from 1.
      column: Buffer.from(location.lineText).subarray(0, location.column).toString().length + 1,
    }),
    ...(hint !== undefined && { hint }),
  };
}

async function placed({ dir, entry }: FunctionSource, message: Message): Promise<Problem> {
  const problem = toProblem(message);
  // What is wrong with the entry itself was imported nowhere.
  const { file = entry } = problem;
  const hint = problem.hint ?? (await otherFile(dir, file, message));
  return { ...problem, file, ...(hint !== undefined && { hint }) };
}

/** An npm package's name at the beginning of what is imported. */
const packageName = /^Could not resolve "((?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*)(?:\/[^"]*)?"$/;
const noLoader = /^No loader is configured for "[^"]*" files: (.*)$/;
/** What `<p>` looks like to a parser that expects no JSX. */
const jsxTaken =
  /^Unterminated regular expression|^The JSX syntax extension is not|^Expected ">" but found|^Unexpected "<"/;

function hintFor(message: Message): string | undefined {
  const { text, location, notes } = message;
  const missing = packageName.exec(text)?.[1];
  const isUnreachable = /is not exported|not imported|conditions/.test(notes[0]?.text ?? "");
  if (missing !== undefined && !isUnreachable) return `Install it where the function is: npm install ${missing}`;
  const loaded = noLoader.exec(text)?.[1];
  if (loaded !== undefined) return loaderHint(loaded, location === null);
  if (jsxTaken.test(text) && /\.[cm]?[jt]s$/.test(location?.file ?? "") && /<[A-Za-z>]/.test(location?.lineText ?? ""))
    return `JSX wants a file named ${location?.file.replace(/\.[cm]?([jt])s$/, ".$1sx")}`;
  const known = knownHints.find(([pattern]) => pattern.test(text));
  if (known !== undefined) return known[1];
  return /^<{7}|^={7}|^>{7}/.test(location?.lineText ?? "")
    ? "left of a merge: keep one of its sides"
    : noteOf(message);
}

const knownHints: readonly (readonly [RegExp, string])[] = [
  [/^Could not resolve "[a-z]+:/, "there are Node's own modules and packages of npm, no others"],
  [/^Cannot read file "/, "check who owns it, and its permissions"],
  [/^Unexpected end of file/, "a brace, bracket or parenthesis above is not closed"],
];

function loaderHint(path: string, isEntry: boolean): string {
  if (isEntry) return "wanted a module in TypeScript or JavaScript";
  const file = JSON.stringify(path);
  return `It is deployed beside the code: readFile(join(import.meta.dirname, ${file})) reads it`;
}

/** Many notes end in a colon, and the place follows. */
function noteOf({ location, notes: [note] }: Message): string | undefined {
  if (note?.location == null) return note?.text;
  const { file, line } = note.location;
  const place = file === location?.file ? `line ${line}` : `${file}:${line}`;
  return note.text.replace(/(?: here)?:$/, ` in ${place}`);
}

async function otherFile(dir: string, importer: string, { text }: Message): Promise<string | undefined> {
  const wanted = /^Could not resolve "(\.{1,2}\/[^"]+)"$/.exec(text)?.[1];
  if (wanted === undefined) return undefined;
  const parent = join(dirname(importer), dirname(wanted));
  const names = await readdir(join(dir, parent)).catch(() => null);
  if (names === null) return `there is no directory ${parent}`;
  const near = nearest(basename(wanted), names);
  if (near !== undefined) return `did you mean "${wanted.slice(0, -basename(wanted).length)}${near}"?`;
  return parent === "." ? "there is no such file in the function's directory" : `there is no such file in ${parent}`;
}
