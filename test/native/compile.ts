// Compiles the probe programs of programs/ together with the real sources of native/, so that what is tested is what the
// warden runs.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const native = join(import.meta.dirname, "../../native");

/** "sanitized" stops at the first undefined behaviour or bad access. */
export type Build = "plain" | "sanitized";

const flags: Record<Build, readonly string[]> = {
  plain: ["-O2", "-D_FORTIFY_SOURCE=2"],
  sanitized: ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
};

/** A directory for the programs of one test file, gone when it is disposed of. */
export function programDirectory(): Disposable & { readonly path: string } {
  const path = mkdtempSync(join(tmpdir(), "tsfn-native-"));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** @param sources files of native/. Returns the path of the program. */
export function compile(directory: string, program: string, sources: readonly string[], build: Build): string {
  const output = join(directory, `${program}-${build}`);
  const warnings = ["-Wall", "-Wextra", "-Werror"];
  const source = join(import.meta.dirname, "programs", `${program}.c`);
  // The working directory is native/, because seccomp.c includes the filters by a relative path.
  execFileSync(
    process.env.CC ?? "cc",
    ["-std=gnu11", "-D_GNU_SOURCE", ...warnings, ...flags[build], "-iquote", ".", "-o", output, source, ...sources],
    { cwd: native, stdio: ["ignore", "ignore", "inherit"] },
  );
  return output;
}
