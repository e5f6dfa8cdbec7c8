// Where this installation of tsfn lies: its package, the directory that holds its dependencies too, the warden that
// npm install built, and how all of it is named inside the warden's mount namespace.

import { accessSync, constants, existsSync, realpathSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { TsfnError } from "../../../runtime/errors.ts";

export interface Installation {
  readonly wardenPath: string;
  /** Holds the package and every dependency; the warden shows it to tsfnd at `<data dir>/program`. */
  readonly programDir: string;
  /** Absolute path of the Node binary that runs this process. */
  readonly nodePath: string;
  readonly daemonPath: string;
}

/** @throws TsfnError NOT_BUILT */
export function findInstallation(): Installation {
  const packageDir = realpathSync(join(import.meta.dirname, "../../.."));
  const wardenPath = join(packageDir, "native/build/warden");
  try {
    accessSync(wardenPath, constants.X_OK);
  } catch (cause) {
    throw new TsfnError("NOT_BUILT", `${wardenPath} is missing`, { hint: `Run npm install in ${packageDir}`, cause });
  }
  return {
    wardenPath,
    programDir: directoryWithDependencies(packageDir),
    nodePath: realpathSync(process.execPath),
    daemonPath: join(packageDir, "gateway/tsfnd.ts"),
  };
}

/** A path of the installation as tsfnd sees it; one outside keeps its name (a Node of the machine's own). */
export function insideProgram(path: string, { programDir }: Installation, dataDir: string): string {
  const below = relative(programDir, path);
  return below.startsWith("..") ? path : join(dataDir, "program", below);
}

/** Dependencies are below the package in a clone, and next to it where npm hoisted them. */
function directoryWithDependencies(packageDir: string): string {
  for (let directory = packageDir; directory !== "/"; directory = dirname(directory)) {
    if (existsSync(join(directory, "node_modules/commander"))) return directory;
  }
  return packageDir;
}
