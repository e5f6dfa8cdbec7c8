// Programs of this machine as parts of a function's directory: what a function of the runtime "provided" brings with it.

import { execFileSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { root } from "../architecture/tree.ts";

/** Copies the program to bin/ and the libraries that it is linked with to lib/. */
export function addProgram(directory: string, program: string): void {
  copy(program, join(directory, "bin", basename(program)));
  addLibraries(directory, program);
}

function addLibraries(directory: string, program: string): void {
  const listed = execFileSync("ldd", [program], { encoding: "utf8" });
  for (const [, name = "", path = ""] of listed.matchAll(/^\s*(\S+) => (\/\S+)/gm)) {
    copy(path, join(directory, "lib", name));
  }
}

/** Copies Python and as much of its standard library as importing these modules loads. */
export function addPython(directory: string, modules: readonly string[]): void {
  const python = "/usr/bin/python3";
  const script = `import sys, ${modules.join(", ")}
paths = [module.__file__ for module in sys.modules.values() if getattr(module, "__file__", None)]
print("\\n".join([sys.base_prefix + "/lib/", *paths]))`;
  const [prefix = "", ...paths] = execFileSync(python, ["-I", "-S", "-c", script], { encoding: "utf8" })
    .trim()
    .split("\n");
  for (const path of paths) {
    copy(path, join(directory, "lib", path.slice(prefix.length)));
    if (path.endsWith(".so")) addLibraries(directory, path);
  }
  addProgram(directory, python);
}

/** Copies AWS's client of the Runtime API, and the libraries that its native part is linked with. */
export function addRuntimeClient(directory: string): void {
  const client = "node_modules/aws-lambda-ric";
  const built = join(root, "test/e2e/programs/runtime-client", client);
  const native = join(built, "rapid-client.node");
  if (!existsSync(native)) throw new Error(`${native} is not built; wanted it as test/setup makes it`);
  for (const name of ["index.mjs", "package.json", "rapid-client.node"]) {
    copy(join(built, name), join(directory, client, name));
  }
  addLibraries(directory, native);
}

/** A program without any library, made from a source file of the tests. */
export function compileStatic(source: string, target: string): void {
  const flags = ["-std=gnu11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Wextra", "-Werror", "-static"];
  execFileSync("cc", [...flags, "-o", target, join(root, source)]);
}

function copy(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}
