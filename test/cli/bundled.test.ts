// `tsfn deploy` as one file: made by a deploy, used by the next, and not used once anything that it was made of has changed.

import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { root } from "../architecture/tree.ts";
import { type CommandResult, runCommand } from "../support/command.ts";
import { example, temporaryDirectory } from "../support/function-directory.ts";
import { startServer } from "../support/server.ts";

/** The package as npm would have installed it elsewhere some time ago, with a cache of its own. */
function installed(t: ExecutionContext): string {
  const directory = join(temporaryDirectory(t), "package");
  for (const name of ["gateway", "runtime", "package.json", "package-lock.json"])
    cpSync(join(root, name), join(directory, name), { recursive: true, preserveTimestamps: true });
  mkdirSync(join(directory, "node_modules"));
  for (const name of readdirSync(join(root, "node_modules")))
    if (name !== ".cache") symlinkSync(join(root, "node_modules", name), join(directory, "node_modules", name));
  return directory;
}

const bundleOf = (directory: string) => join(directory, "node_modules/.cache/tsfn/deploy.cjs");

test("the second deploy runs what the first one bundled, until a source changes", async (t) => {
  const server = await startServer(t);
  const directory = installed(t);
  const launcher = join(directory, "gateway/cli/tsfn");
  const deploy = async (...flags: readonly string[]): Promise<CommandResult> => {
    const args = ["deploy", example("hello"), ...flags];
    const result = await runCommand(args, { env: { TSFN_SERVER: server.admin }, launcher });
    t.is(result.code, 0, result.stderr);
    return result;
  };
  const { stdout: url } = await deploy();
  t.regex(url, /\/function\/hello\n$/);
  t.true(existsSync(bundleOf(directory)));
  t.deepEqual(
    readdirSync(join(directory, "node_modules/.cache/tsfn"))
      .filter((name) => /^deploy/.test(name))
      .sort(),
    ["deploy.cjs", "deploy.sources"],
  );

  appendFileSync(bundleOf(directory), `\nprocess.stderr.write("bundled\\n");\n`);
  const second = await deploy();
  t.regex(second.stderr, /^bundled\nunchanged: hello@1 has this content already/);
  t.is(second.stdout, url);
  t.like(JSON.parse((await deploy("--json")).stdout), { name: "hello", version: 1, unchanged: true });
  const changed = await deploy("--env", "GREETING=hi");
  t.regex(changed.stderr, /^bundled\nversion {2}hello@2\n/);

  const source = join(directory, "gateway/cli/commands/deploy.ts");
  writeFileSync(source, readFileSync(source, "utf8").replace("has this content already", "is the same"));
  for (let round = 0; round < 2; round += 1)
    t.regex((await deploy("--env", "GREETING=hi")).stderr, /^unchanged: hello@2 is the same/);
});

test("it says what is wrong as the command does that is not bundled", async (t) => {
  const server = await startServer(t);
  const directory = installed(t);
  const launcher = join(directory, "gateway/cli/tsfn");
  const env = { TSFN_SERVER: server.admin };
  const broken = temporaryDirectory(t);
  writeFileSync(join(broken, "index.ts"), "export default {");
  const failures: readonly (readonly string[])[] = [
    ["deploy", broken],
    ["deploy", join(broken, "nowhere")],
    ["deploy", broken, "--json"],
    ["deploy", broken, "--nonsense"],
    ["deploy"],
    ["deploy", "dev", "--server", "/nowhere.sock"],
    ["deploy", "--help"],
  ];
  const all = () => Promise.all(failures.map((args) => runCommand(args, { env, launcher })));
  const before = await all();
  t.false(existsSync(bundleOf(directory)));
  t.is((await runCommand(["deploy", example("hello")], { env, launcher })).code, 0);
  t.true(existsSync(bundleOf(directory)));
  t.deepEqual(await all(), before);
  t.deepEqual(
    before.map(({ code }) => code !== 0),
    [true, true, true, true, true, true, false],
  );
});

test("a package that has moved makes another", async (t) => {
  const server = await startServer(t);
  const env = { TSFN_SERVER: server.admin };
  const [first, second] = [installed(t), installed(t)];
  const deploy = (directory: string) =>
    runCommand(["deploy", example("hello")], { env, launcher: join(directory, "gateway/cli/tsfn") });
  await deploy(first);
  appendFileSync(bundleOf(first), `\nprocess.stderr.write("of another place\\n");\n`);
  cpSync(join(first, "node_modules/.cache"), join(second, "node_modules/.cache"), {
    recursive: true,
    preserveTimestamps: true,
  });
  t.regex((await deploy(second)).stderr, /^unchanged/);
  t.regex((await deploy(first)).stderr, /^of another place\nunchanged/);
});

test("a cache that cannot be written is told, and nothing else is wrong", async (t) => {
  const server = await startServer(t);
  const directory = installed(t);
  mkdirSync(join(directory, "node_modules/.cache/tsfn/deploy.cjs"), { recursive: true });
  const launcher = join(directory, "gateway/cli/tsfn");
  const result = await runCommand(["deploy", example("hello")], { env: { TSFN_SERVER: server.admin }, launcher });
  t.is(result.code, 0);
  t.regex(
    result.stderr,
    /next: tsfn invoke hello\nwarning: the next deploy will not start faster: .*deploy\.cjs cannot be made: EISDIR/,
  );
  t.deepEqual(
    readdirSync(join(directory, "node_modules/.cache/tsfn")).filter((name) => /^deploy/.test(name)),
    ["deploy.cjs"],
  );
});
