// Where a top-level await stands that nothing can end. V8 knows, but Node asks it only about the module that a program began
// with: so the function's module, which has failed, runs once more as a program.

import { spawnSync } from "node:child_process";
import { findSourceMap } from "node:module";
import { resolve } from "node:path";

/** Where it stands is not worth a longer wait. */
const mostMs = 2_000;
const warning = /^Warning: Detected unsettled top-level await at .*:(\d+)\n.*\n( *)\^/m;

/** `index.ts:3:1` in the function's sources; null when it cannot be found out. */
export function placeOfStalledAwait(entry: string): string | null {
  const path = resolve(entry);
  const { stderr } = spawnSync(process.execPath, [path], {
    stdio: ["ignore", "ignore", "pipe"],
    encoding: "utf8",
    timeout: mostMs,
    killSignal: "SIGKILL",
  });
  const [, line, before] = warning.exec(stderr ?? "") ?? [];
  if (line === undefined || before === undefined) return null;
  const origin = findSourceMap(path)?.findOrigin(Number(line), before.length + 1);
  if (origin === undefined || !("fileName" in origin)) return null;
  return `${origin.fileName}:${origin.lineNumber}:${origin.columnNumber}`;
}
