// The templates of `tsfn init`: each is a directory of functions/, copied as it is but for the name.

import { cp, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { applyEdits, modify } from "jsonc-parser";
import { isErrno, TsfnError } from "../../../runtime/errors.ts";
import { makeDirectory } from "../make-directory.ts";

export const templates = {
  fetch: "Request in, Response out",
  lambda: "an AWS Lambda handler",
  hono: "a Hono app",
  express: "an Express app",
  sse: "server-sent events",
  provided: "a program in any language, over AWS's Runtime API",
} as const;

export type TemplateName = keyof typeof templates;

export function isTemplate(name: string): name is TemplateName {
  return Object.hasOwn(templates, name);
}

export interface Copied {
  /** Relative to the new directory, sorted. */
  readonly files: readonly string[];
  readonly hasDependencies: boolean;
}

/** Makes `dir`, which must not exist or be empty. @throws TsfnError USAGE, NOT_ALLOWED, DISK_FULL */
export async function copyTemplate(template: TemplateName, dir: string, name: string): Promise<Copied> {
  try {
    await requireEmpty(dir);
    return await copyInto(template, dir, name);
  } catch (thrown) {
    throw refusal(dir, thrown);
  }
}

async function copyInto(template: TemplateName, dir: string, name: string): Promise<Copied> {
  const source = fileURLToPath(new URL(`./functions/${template}`, import.meta.url));
  await makeDirectory(dir);
  await cp(source, dir, { recursive: true });
  const manifest = join(dir, "tsfn.json");
  const text = await readFile(manifest, "utf8").catch((error: unknown) => {
    if (isErrno(error, "ENOENT")) return "{}\n";
    throw error;
  });
  await writeFile(manifest, named(text, name));
  const files = (await readdir(dir, { recursive: true })).sort();
  return { files, hasDependencies: files.includes("package.json") };
}

function named(manifest: string, name: string): string {
  const formattingOptions = { insertSpaces: true, tabSize: 2 };
  return applyEdits(manifest, modify(manifest, ["name"], name, { formattingOptions, getInsertionIndex: () => 0 }));
}

async function requireEmpty(dir: string): Promise<void> {
  try {
    const [found] = await readdir(dir);
    if (found === undefined) return;
    throw new TsfnError("USAGE", `${dir} holds ${found}; wanted a new or an empty directory`, { hint: another });
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    if (!isErrno(error, "ENOTDIR")) throw error;
    const message = `${dir} is a file; wanted a new or an empty directory`;
    throw new TsfnError("USAGE", message, { hint: another, cause: error });
  }
}

const another = "Name another directory: tsfn init <dir>";

/** What the machine refuses is the place's fault. */
function refusal(dir: string, thrown: unknown): unknown {
  if (thrown instanceof TsfnError || !(thrown instanceof Error) || !("syscall" in thrown)) return thrown;
  if (isErrno(thrown, "ENOSPC") || isErrno(thrown, "EDQUOT")) {
    const hint = `Free some space there, or name another directory: tsfn init <dir>`;
    return new TsfnError("DISK_FULL", `${dir} cannot be made: ${thrown.message}`, { hint, cause: thrown });
  }
  const code = ["EACCES", "EPERM", "EROFS"].some((each) => isErrno(thrown, each)) ? "NOT_ALLOWED" : "USAGE";
  const found = isErrno(thrown, "EEXIST")
    ? `a file or a link to nothing is in its way (${thrown.message})`
    : thrown.message;
  const message = `${dir} cannot be made: ${found}; wanted a place where a directory can be made`;
  return new TsfnError(code, message, { hint: another, cause: thrown });
}
