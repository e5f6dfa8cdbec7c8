// `npm run check`, the one gate: format, lint, types, and the architecture tests beside this file. Prints one line per
// gate; the first that fails shows its tool's output and ends the run.

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { styleText } from "node:util";
import { root } from "./tree.ts";

interface Gate {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

const bin = (name: string) => join(root, "node_modules/.bin", name);

const gates: readonly Gate[] = [
  { name: "format and lint", command: [bin("biome"), "check", "--error-on-warnings", "."] },
  { name: "format of C", command: ["clang-format", "--dry-run", "-Werror", ...nativeSources()] },
  { name: "types", command: [bin("tsc"), "-p", "."] },
  { name: "architecture", command: [process.execPath, bin("ava"), "--config", "test/architecture/ava.config.js"] },
];

for (const gate of gates) {
  if (!run(gate)) {
    process.exitCode = 1;
    break;
  }
}

function run({ name, command: [program, ...args] }: Gate): boolean {
  const { status, signal, stdout, stderr, error } = spawnSync(program, args, { cwd: root, encoding: "utf8" });
  if (error !== undefined && "code" in error && error.code === "ENOENT") return missing(name, program);
  if (status === 0) return report("green", "ok", name);
  report("red", "failed", name);
  process.stdout.write(`${stdout}${stderr}${signal === null ? "" : `${program} was ended by ${signal}\n`}`);
  return false;
}

/** clang-format is the only tool npm does not bring: without it a contributor's C stays unformatted until CI looks. */
function missing(name: string, program: string): boolean {
  if (process.env.CI === undefined && program === "clang-format") {
    return report("yellow", "not run", `${name}: install clang-format to run it`);
  }
  report("red", "failed", `${name}: ${program} is not installed`);
  return false;
}

function report(color: "green" | "yellow" | "red", verdict: string, name: string): true {
  process.stdout.write(`${styleText(color, verdict.padEnd(8))}${name}\n`);
  return true;
}

function nativeSources(): string[] {
  return ["native", "test/native/programs", "bench", "bench/peers"]
    .flatMap((folder) => list(folder).map((name) => join(folder, name)))
    .filter((path) => /\.[ch]$/.test(path));
}

function list(folder: string): string[] {
  try {
    return readdirSync(join(root, folder));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
