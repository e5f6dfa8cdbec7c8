// The templates of `tsfn init`: each is a directory of functions/, copied as it is but for the name.

import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { applyEdits, modify } from "jsonc-parser";
import { isErrno, TsfnError } from "../../../runtime/errors.ts";

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

/** Makes `dir`, which must not exist or be empty. @throws TsfnError USAGE */
export async function copyTemplate(template: TemplateName, dir: string, name: string): Promise<Copied> {
  await requireEmpty(dir);
  const source = fileURLToPath(new URL(`./functions/${template}`, import.meta.url));
  await mkdir(dir, { recursive: true });
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
    throw new TsfnError("USAGE", `${dir} holds ${found}; wanted a new or an empty directory`, {
      hint: "Name another directory: tsfn init <dir>",
    });
  } catch (error) {
    if (isErrno(error, "ENOENT")) return;
    if (!isErrno(error, "ENOTDIR")) throw error;
    throw new TsfnError("USAGE", `${dir} is a file; wanted a new or an empty directory`, { cause: error });
  }
}
