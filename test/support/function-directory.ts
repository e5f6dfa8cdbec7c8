// Directories that hold a function: temporary ones written by a test, and the examples of functions/.

import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { root } from "../architecture/tree.ts";

/** Whoever undoes what was made when it is done: a test, or a benchmark. */
export interface Owner {
  teardown(undo: () => unknown): void;
}

/** Path of one of functions/, by name. */
export function example(name: string): string {
  return join(root, "functions", name);
}

/** A new directory with these files; removed when the test is over. Keys are relative paths. */
export function functionDirectory(t: Owner, files: Readonly<Record<string, string>>): string {
  const directory = temporaryDirectory(t);
  for (const [path, content] of Object.entries(files)) writeSource(directory, path, content);
  return directory;
}

/** A function with a manifest of this name and limits, whose `fetch` has this body. */
export function functionOf(t: Owner, manifest: Readonly<Record<string, unknown>>, body: string, head = ""): string {
  return functionDirectory(t, {
    "tsfn.json": JSON.stringify(manifest),
    "index.ts": `${head}\nexport default { async fetch(request: Request): Promise<Response> { ${body} } };\n`,
  });
}

export function writeSource(directory: string, path: string, content: string): void {
  mkdirSync(dirname(join(directory, path)), { recursive: true });
  writeFileSync(join(directory, path), content);
}

/** A temporary directory without links in its path that a server's user may pass through. */
export function passableDirectory(t: Owner): string {
  const directory = realpathSync(temporaryDirectory(t));
  chmodSync(directory, 0o711);
  return directory;
}

export function temporaryDirectory(t: Owner): string {
  const directory = mkdtempSync(join(tmpdir(), "tsfn-test-"));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
