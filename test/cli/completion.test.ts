// What a shell gets when it asks: the script it sources, and what may come next on a line.

import { execFileSync } from "node:child_process";
import test from "ava";
import { commands } from "../../gateway/cli/commands/index.ts";
import { runCommand } from "../support/command.ts";
import { openTestDaemon } from "../support/daemon.ts";
import { functionOf } from "../support/function-directory.ts";

const offered = async (words: readonly string[], env: Record<string, string> = {}): Promise<string[]> => {
  const { code, stdout } = await runCommand(["complete", "--", ...words], { env });
  if (code !== 0) throw new Error(`tsfn complete exited with ${code}`);
  return stdout.split("\n").flatMap((line) => (line === "" || line.startsWith(":") ? [] : [line.split("\t")[0] ?? ""]));
};

test("there is a script for each shell, and bash accepts its own", async (t) => {
  for (const shell of ["bash", "zsh", "fish", "powershell"]) {
    const { code, stdout } = await runCommand(["completion", shell]);
    t.is(code, 0, shell);
    t.true(stdout.includes("tsfn") && stdout.includes("complete"), shell);
    if (shell === "bash") t.notThrows(() => execFileSync("bash", ["-n"], { input: stdout }));
  }
  const { code, stderr } = await runCommand(["completion", "tcsh"]);
  t.is(code, 2);
  t.regex(stderr, /bash, zsh, fish, powershell/);
});

test("commands, subcommands and options are offered by their beginning", async (t) => {
  t.deepEqual((await offered(["res"])).sort(), ["restart"]);
  const words = (await offered([""])).filter((word) => !word.startsWith("-"));
  t.deepEqual(words.sort(), [...commands.map(({ name }) => name), "help"].sort());
  const subcommands = await offered(["server", ""]);
  for (const name of ["start", "stop", "status"]) t.true(subcommands.includes(name), name);
  t.deepEqual(await offered(["logs", "hello", "--fol"]), ["--follow"]);
  t.deepEqual(await offered(["logs", "hello", "--level", "w"]), ["warn"]);
});

test("a command that wants a function is offered those deployed; none where no server answers", async (t) => {
  const daemon = await openTestDaemon(t);
  await daemon.deploy(functionOf(t, { name: "greeter" }, "return new Response();"));
  await daemon.deploy(functionOf(t, { name: "other" }, "return new Response();"));
  t.deepEqual(await offered(["inspect", "gr"], { TSFN_SERVER: daemon.adminSocket }), ["greeter"]);
  t.deepEqual((await offered(["rm", "greeter", ""], { TSFN_SERVER: daemon.adminSocket })).sort(), ["greeter", "other"]);
  t.deepEqual(await offered(["inspect", "gr"], { TSFN_SERVER: "/nonexistent/admin.sock" }), []);
});
