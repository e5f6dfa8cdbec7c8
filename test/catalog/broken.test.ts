// Every broken function of broken/: what a person is told about it is kept word for word in snapshots/, and names the file,
// the place in it and a way out. Change a sentence with `npx ava --update-snapshots test/catalog/broken.test.ts`, and read it.

import { execFile } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import test, { type ExecutionContext } from "ava";
import { errorBlock } from "../../gateway/cli/report-error.ts";
import { inDirectory } from "../../gateway/cli/source-places.ts";
import { bundleFunction, loadSource, packFunction } from "../../runtime/catalog/index.ts";
import { catalogue, type ErrorCode, type Problem, TsfnError, toProblem } from "../../runtime/errors.ts";
import { tsfn } from "../support/command.ts";
import { temporaryDirectory, writeSource } from "../support/function-directory.ts";
import { brokenSyntax } from "./broken/manifest-syntax.ts";
import { brokenValues } from "./broken/manifest-values.ts";
import { type BrokenSource, brokenSources, unreadableSources } from "./broken/sources.ts";

const brokenManifests = { ...brokenSyntax, ...brokenValues };
const entry = `export default { fetch: () => new Response("hi") };\n`;

for (const [title, text] of Object.entries(brokenManifests)) {
  test(`tsfn.json: ${title}`, async (t) => {
    const directory = make(t, { title, files: { "tsfn.json": text, "index.ts": entry } });
    const error = await refusal(directory);
    t.is(error.code, "MANIFEST_INVALID");
    const { problems = [] } = error.fields;
    t.true(problems.length > 0);
    for (const { file, line, column, message } of problems) {
      t.is(file, join(directory, "tsfn.json"));
      t.true((line ?? 0) > 0 && (column ?? 0) > 0 && column !== undefined);
      t.regex(message, /wanted|did you mean|need|is not a key of|not available/);
    }
    t.snapshot(asShown(error, directory));
  });
}

for (const source of brokenSources) {
  test(`the directory: ${source.title}`, async (t) => {
    const directory = make(t, source);
    const error = await refusal(directory);
    namesPlaceAndFix(t, { ...toProblem(error), directory });
    t.snapshot(asShown(error, directory));
  });
}

for (const source of unreadableSources) {
  test(`as another user: ${source.title}`, async (t) => {
    const directory = make(t, source);
    // Root may read everything, but not through a user namespace that does not know the files' owner.
    const run = promisify(execFile)("unshare", ["--user", tsfn, "deploy", directory, "--json"]);
    const { code, stdout } = (await t.throwsAsync(run)) as unknown as { code: number; stdout: string };
    t.is(code, 2, stdout);
    const problem = JSON.parse(stdout) as { code: ErrorCode; detail: string; hint: string; problems?: Problem[] };
    namesPlaceAndFix(t, { ...problem, directory });
    const { code: errorCode, detail, hint, problems } = problem;
    t.snapshot(asShown(new TsfnError(errorCode, detail, { hint, ...(problems && { problems }) }), directory));
  });
}

test("there are more than sixty, and no two are told the same", async (t) => {
  t.true(Object.keys(brokenManifests).length + brokenSources.length + unreadableSources.length > 60);
  const titles = [...brokenSources, ...unreadableSources].map(({ title }) => title);
  t.is(new Set(titles).size, titles.length);
});

function make(t: ExecutionContext, { files = {}, spoil }: BrokenSource): string {
  const directory = join(temporaryDirectory(t), "hello");
  mkdirSync(directory);
  for (const [path, text] of Object.entries(files)) writeSource(directory, path, text);
  spoil?.(directory);
  return directory;
}

/** As `tsfn deploy` on its way to the server. */
async function refusal(directory: string): Promise<TsfnError> {
  try {
    const source = await loadSource(directory);
    await buffer(packFunction(await bundleFunction(source), source.manifestText));
  } catch (thrown) {
    const error = await inDirectory(directory, thrown).catch((told: unknown) => told);
    if (error instanceof TsfnError) return error;
    throw error;
  }
  throw new Error("it was accepted; wanted a TsfnError");
}

interface Told {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly hint: string;
  readonly problems?: readonly Problem[];
  readonly directory: string;
}

function namesPlaceAndFix(t: ExecutionContext, { code, detail, hint, problems, directory }: Told): void {
  t.true(code === "SOURCE_INVALID" || code === "BUNDLE_FAILED", code);
  t.true(catalogue[code].exitCode === 2 && hint.length > 0);
  if (problems === undefined) return void t.true(detail.includes(directory), detail);
  t.true(problems.length > 0);
  for (const { file, line, column } of problems) {
    t.true(file?.startsWith(`${directory}/`), file);
    // The rest is about a file as a whole.
    if (line !== undefined) t.true(line > 0 && (column ?? 0) > 0);
    else t.regex(detail, /symbolic link|pipe|UTF-8|name of the bundle|ended with one error/);
  }
}

/** Wherever the test runs. */
function asShown(error: TsfnError, directory: string): string {
  return errorBlock(error).join("\n").replaceAll(directory, "hello");
}
