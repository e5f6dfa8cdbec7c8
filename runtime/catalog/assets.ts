// The files that travel beside the bundle: what a function may open at run time, such as templates or data. Everything
// in its directory but code that was bundled, dotfiles, dependencies and build settings.

import { constants } from "node:fs";
import { access, lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { TsfnError } from "../errors.ts";
import { quote } from "./name.ts";
import { packageLimits, pathProblem } from "./package-limits.ts";
import { unreadable } from "./source-files.ts";

export interface BundleFile {
  /** Relative, with / between names. */
  readonly path: string;
  readonly sizeBytes: number;
  readonly executable: boolean;
  /** The content, or the absolute path of the file that holds it. */
  readonly content: Uint8Array | string;
}

const leftOut = new Set([
  "node_modules",
  "tsfn.json",
  "package-lock.json",
  "npm-shrinkwrap.json",
  "yarn.lock",
  "pnpm-lock.yaml",
  "bun.lock",
  "bun.lockb",
  "deno.lock",
]);
const leftOutPattern = /^\.|^tsconfig(\..*)?\.json$|\.[cm]?tsx?$/;

/** Sorted by path. `bundled` are paths relative to `dir`. @throws TsfnError SOURCE_INVALID */
export async function listAssets(dir: string, bundled: ReadonlySet<string>): Promise<BundleFile[]> {
  return await list(dir, (name, path) => isBuildInput(name) || bundled.has(path));
}

/** Everything but dot files and the manifest: the program may want its sources and its dependencies. As listAssets. */
export async function listAll(dir: string): Promise<BundleFile[]> {
  return await list(dir, (name, path) => name.startsWith(".") || path === "tsfn.json");
}

type LeaveOut = (name: string, path: string) => boolean;

function isBuildInput(name: string): boolean {
  return leftOut.has(name) || leftOutPattern.test(name);
}

async function list(dir: string, leaveOut: LeaveOut): Promise<BundleFile[]> {
  const files: BundleFile[] = [];
  let totalBytes = 0;
  for await (const file of walk(dir, "", leaveOut)) {
    files.push(file);
    totalBytes += file.sizeBytes;
    if (files.length > packageLimits.files) throw tooBig(dir, `more than ${packageLimits.files} files`);
    if (totalBytes <= packageLimits.totalBytes) continue;
    const { path, sizeBytes } = files.reduce((most, next) => (next.sizeBytes > most.sizeBytes ? next : most));
    const largest = `the largest so far is ${path} with ${sizeBytes} bytes`;
    throw tooBig(dir, `more than ${packageLimits.totalBytes} bytes; ${largest}`);
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function* walk(dir: string, prefix: string, leaveOut: LeaveOut): AsyncGenerator<BundleFile> {
  const parent = join(dir, prefix);
  const entries = await readdir(parent, { withFileTypes: true }).catch((error: unknown) => {
    throw unreadable(parent, error);
  });
  for (const entry of entries) {
    const path = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
    if (leaveOut(entry.name, path)) continue;
    const problem = pathProblem(path);
    if (problem !== undefined) throw refused(path, problem);
    if (entry.isDirectory()) yield* walk(dir, path, leaveOut);
    else yield await describe(dir, path);
  }
}

async function describe(dir: string, path: string): Promise<BundleFile> {
  const content = join(dir, path);
  const stats = await lstat(content);
  if (stats.isSymbolicLink()) throw refused(path, "is a symbolic link; wanted the file itself");
  if (!stats.isFile()) throw refused(path, "is a socket, pipe or device; wanted regular files and directories");
  // Told now, and not in the middle of an upload.
  await access(content, constants.R_OK).catch((error: unknown) => {
    throw unreadable(content, error);
  });
  return { path, sizeBytes: stats.size, executable: (stats.mode & 0o111) !== 0, content };
}

function refused(path: string, problem: string): TsfnError {
  return new TsfnError("SOURCE_INVALID", `${quote(path)} ${problem}`, {
    problems: [{ file: path, message: problem }],
    hint: "Remove it or move it out of the function's directory",
  });
}

function tooBig(dir: string, found: string): TsfnError {
  return new TsfnError("SOURCE_INVALID", `${dir} holds ${found}`, {
    hint: "Move what the function does not open at run time out of its directory",
  });
}
