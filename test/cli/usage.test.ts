// What the command line says before it has done anything: help, mistakes, exit codes, and where the server is not.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { commands } from "../../gateway/cli/commands/index.ts";
import { settingsFromOptions } from "../../gateway/cli/server/index.ts";
import { resolveSettings, settings } from "../../runtime/config.ts";
import type { ProblemDocument } from "../../runtime/errors.ts";
import { runCommand } from "../support/command.ts";
import { temporaryDirectory } from "../support/function-directory.ts";

const nowhere = { TSFN_SERVER: "/nonexistent/admin.sock" };

test("help names every command and goes to stdout", async (t) => {
  const { code, stdout, stderr } = await runCommand(["--help"]);
  t.is(code, 0);
  t.is(stderr, "");
  for (const { name, summary } of commands) t.true(stdout.includes(name) && stdout.includes(summary), name);
});

test("the help of every command shows three examples that begin with its name", async (t) => {
  for (const { name } of commands) {
    const { code, stdout } = await runCommand([name, "--help"]);
    t.is(code, 0, name);
    const examples = stdout.slice(stdout.indexOf("Examples:")).trim().split("\n").slice(1);
    t.is(examples.length, 3, name);
    t.true(
      examples.every((line) => line.includes(`tsfn ${name}`) || line.includes("tsfn ls")),
      name,
    );
  }
});

test("the help of server start shows every setting with its default and its variable", async (t) => {
  const { stdout } = await runCommand(["server", "start", "--help"]);
  const words = stdout.replaceAll(/\s+/g, " ");
  for (const { flag, variable, fallback } of Object.values(settings)) {
    t.true(words.includes(`${flag} <value>`), flag);
    t.true(words.includes(`(default: ${fallback}, env: ${variable})`), flag);
  }
});

test("a flag beats its variable, which beats the default; paths may be relative", (t) => {
  const env = { TSFN_GRACE: "2s", TSFN_MAX_WAITING: "7" };
  const found = settingsFromOptions({ grace: "1s", dataDir: "data", maxWaitingBytes: "1kb" }, env);
  t.is(found.graceMs, 1_000);
  t.is(found.maxWaiting, 7);
  t.is(found.maxWaitingBytes, 1_024);
  t.is(found.dataDir, join(process.cwd(), "data"));
  t.is(found.adminSocket, resolveSettings({}, {}).adminSocket);
});

test("a misspelt command, subcommand or option is exit code 2 and says what was meant", async (t) => {
  for (const [args, meant] of [
    [["deplyo", "x"], "deploy"],
    [["server", "strat"], "start"],
    [["ps", "--jsn"], "--json"],
  ] as const) {
    const { code, stdout, stderr } = await runCommand(args);
    t.is(code, 2, stderr);
    t.is(stdout, "");
    t.regex(stderr, new RegExp(`did you mean ${meant}\\?`));
    t.true(stderr.trim().split("\n").length <= 4, stderr);
  }
});

test("help for a command that there is not is exit code 2, and names it", async (t) => {
  for (const [args, why] of [
    [["nosuch", "--help"], "unknown command 'nosuch'"],
    [["nosuch", "-h"], "unknown command 'nosuch'"],
    [["--server", "list", "deplyo", "--help"], "unknown command 'deplyo'; did you mean deploy?"],
    [["server", "nosuch", "--help"], "unknown command 'nosuch'"],
    [["help", "nosuch"], "unknown command 'nosuch'"],
  ] as const) {
    const { code, stdout, stderr } = await runCommand(args);
    t.is(code, 2, args.join(" "));
    t.is(stdout, "", args.join(" "));
    t.true(stderr.includes(why), stderr);
  }
  for (const args of [
    ["help", "deploy"],
    ["server", "help", "start"],
    ["deploy", "nosuch", "--help"],
  ]) {
    const { code, stdout } = await runCommand(args);
    t.is(code, 0, args.join(" "));
    t.regex(stdout, /^Usage: tsfn (deploy|server start)/);
  }
});

test("a missing argument, a surplus one and a wrong value are exit code 2", async (t) => {
  for (const args of [
    [],
    ["server"],
    ["deploy"],
    ["inspect", "a", "b"],
    ["logs", "hello", "-n", "many"],
    ["dev", "-p", "99999"],
    ["deploy", ".", "-e", "novalue"],
    ["invoke", "hello", "-H", "no colon"],
    ["invoke", "hello", "-d", "@/nonexistent"],
    ["invoke", "hello", "--path", "relative"],
    ["list", "--server", "not a url://"],
    ["server", "start", "--listen", "nowhere"],
  ]) {
    const { code, stderr } = await runCommand(args, { env: nowhere });
    t.is(code, 2, `${args.join(" ")}: ${stderr}`);
    t.regex(stderr, /^error: The command line is wrong\nwhy: {3}.+\nfix: {3}.+\ndocs: {2}.+#USAGE\n$/);
  }
});

test("a mistake is told with what was found and wanted, and sends to the help of its own command", async (t) => {
  for (const [args, why, help] of [
    [["rollback", "hello", "x"], 'version is "x"; wanted a whole number from 1', "rollback"],
    [["completion", "tcsh"], 'shell is "tcsh"; wanted one of bash, zsh, fish, powershell', "completion"],
    [["logs", "a", "--level", "loud"], `"loud"; wanted one of debug, info, warn, error`, "logs"],
    [["logs", "a", "--since", "foo"], `--since <time>' is "foo"; wanted a duration such as 10m, or a date`, "logs"],
    [["logs", "a", "-n", "many"], `<count>' is "many"; wanted a whole number from 0`, "logs"],
    [["secret", "put"], "missing required argument 'name'", "secret put"],
    [["server", "start", "--listen", "x"], '--listen is "x"; wanted host:port', "server start"],
    [["invoke", "a", "-d", "@/nonexistent"], "there is no such file", "invoke"],
    [["dev", "-p"], "has no value", "dev"],
    [["--server", "list", "invoke", "list", "-d", "@/nonexistent"], "there is no such file", "invoke"],
  ] as const) {
    const { stderr } = await runCommand(args, { env: nowhere });
    t.true(stderr.includes(why), stderr);
    t.true(stderr.includes(`fix:   See tsfn ${help} --help\n`), stderr);
  }
});

test("an unknown command sends to the general help, whatever its arguments are called", async (t) => {
  for (const args of [
    ["exec", "hello", "ls"],
    ["nosuch", "logs"],
    ["--json-not", "server", "start"],
  ]) {
    const { stderr } = await runCommand(args);
    t.regex(stderr, /\nfix: {3}See tsfn (server start )?--help\n/, args.join(" "));
  }
});

test("help offers the options about a server only where a command asks one", async (t) => {
  for (const { name, asksServer } of commands) {
    const { stdout } = await runCommand([name, "--help"]);
    t.is(stdout.includes("--token <token>"), asksServer !== false, name);
  }
});

test("with --json every failure is one problem document on stdout, and stderr is empty", async (t) => {
  for (const [args, code] of [
    [["list"], "SERVER_UNREACHABLE"],
    [["server", "status"], "SERVER_UNREACHABLE"],
    [["deplyo"], "USAGE"],
    [["deploy", "/nonexistent"], "SOURCE_INVALID"],
  ] as const) {
    const { stdout, stderr } = await runCommand([...args, "--json"], { env: nowhere });
    t.is(stderr, "", args.join(" "));
    t.like(JSON.parse(stdout), { code } satisfies Partial<ProblemDocument>);
  }
});

test("--json is understood before the command too", async (t) => {
  const { stdout } = await runCommand(["--json", "list"], { env: nowhere });
  t.like(JSON.parse(stdout), { code: "SERVER_UNREACHABLE" });
});

test("no server: exit code 5, whether the socket is missing, deserted, a file or a port", async (t) => {
  const file = join(temporaryDirectory(t), "file");
  writeFileSync(file, "");
  for (const server of ["/nonexistent/admin.sock", file, "http://127.0.0.1:9"]) {
    const { code, stderr } = await runCommand(["list", "--server", server]);
    t.is(code, 5, stderr);
    t.true(stderr.includes(server), stderr);
    t.true(stderr.includes("tsfn server start"), stderr);
  }
});

test("a server that is neither a path nor a URL is refused, with the forms that are wanted", async (t) => {
  for (const [text, meant] of [
    ["127.0.0.1:18081", "http://127.0.0.1:18081"],
    ["tsfn.example.com:8081", "http://tsfn.example.com:8081"],
    ["foo", "./foo"],
  ] as const) {
    for (const [args, env, origin] of [
      [["list", "--server", text], {}, "--server"],
      [["list"], { TSFN_SERVER: text }, "TSFN_SERVER"],
      [["context", "create", "bad", "--server", text], {}, "--server"],
    ] as const) {
      const { code, stderr } = await runCommand(args, { env: { XDG_CONFIG_HOME: temporaryDirectory(t), ...env } });
      t.is(code, 2, stderr);
      t.true(
        stderr.includes(`${origin} is "${text}"; wanted the path of a socket, such as ./admin.sock, or a URL`),
        stderr,
      );
      t.true(stderr.includes(`did you mean ${meant}?`), stderr);
    }
  }
  t.is((await runCommand(["server", "status", "--admin", "foo"])).code, 5, "--admin is a path in any case");
});

test("a URL that nobody answers gets a fix for a server elsewhere", async (t) => {
  for (const [url, found] of [
    ["http://127.0.0.1:9", "nobody listens there (ECONNREFUSED)"],
    ["http://no-such-host.invalid:8081", "("],
  ] as const) {
    const { stderr } = await runCommand(["list", "--server", url]);
    t.true(stderr.includes(`why:   ${url}: `) && stderr.includes(found), stderr);
    t.regex(stderr, /\nfix: {3}Check the URL, .*--admin-listen\n/);
  }
  const { stderr } = await runCommand(["list"], { env: nowhere });
  t.regex(stderr, /\nfix: {3}Start one with: sudo tsfn server start\n/);
});

test("the version is the package's", async (t) => {
  const { code, stdout } = await runCommand(["--version"]);
  t.is(code, 0);
  t.regex(stdout, /^\d+\.\d+\.\d+\n$/);
});
