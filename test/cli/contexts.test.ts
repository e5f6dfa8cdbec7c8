// Servers remembered by name: what is asked when several places say which, and who may read the file.

import { chmodSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { serverOf } from "../../gateway/cli/context.ts";
import { runCommand } from "../support/command.ts";
import { temporaryDirectory } from "../support/function-directory.ts";

function workspace(t: ExecutionContext) {
  const config = temporaryDirectory(t);
  const env = { XDG_CONFIG_HOME: config };
  const path = join(config, "tsfn/contexts.json");
  const run = (...args: string[]) => runCommand(["context", ...args], { env, input: "from-stdin\n" });
  const json = async (...args: string[]) => JSON.parse((await run(...args, "--json")).stdout);
  return { env, path, run, json };
}

const prod = ["--server", "https://tsfn.example.com:8081", "--token", "s3cret"];

test("a context is created, listed without its token, used, shown and removed", async (t) => {
  const { run, json, path } = workspace(t);
  t.is((await run("create", "prod", ...prod)).code, 0);
  t.is((await run("create", "local", "--server", "/run/other.sock", "--token-file", "-")).code, 0);
  t.is(statSync(path).mode & 0o777, 0o600);
  t.is(statSync(join(path, "..")).mode & 0o777, 0o700);
  t.regex(readFileSync(path, "utf8"), /s3cret[\s\S]*"from-stdin"/);

  const listed = await run("list");
  t.notRegex(listed.stdout, /s3cret/);
  t.is((await run("use", "prod")).stdout, "prod\n");
  t.deepEqual((await json("list")).contexts, [
    { name: "prod", server: "https://tsfn.example.com:8081", hasToken: true, current: true },
    { name: "local", server: "/run/other.sock", hasToken: true, current: false },
  ]);
  t.like(await json("show"), { server: "https://tsfn.example.com:8081", hasToken: true });
  t.is((await run("rm", "prod")).stdout, "prod\n");
  t.like(await json("show"), { server: "/run/tsfn/admin.sock", hasToken: false, origin: "the default" });
});

test("a flag beats a variable, which beats the current context; a token belongs to its context", async (t) => {
  const { run, env } = workspace(t);
  await run("create", "prod", ...prod);
  await run("create", "plain", "--server", "/run/plain.sock");
  await run("use", "prod");
  const all = { ...env, TSFN_SERVER: "/run/variable.sock", TSFN_CONTEXT: "plain" };
  const choice = (options: Parameters<typeof serverOf>[0], from: NodeJS.ProcessEnv) => {
    const { address, token } = serverOf(options, from);
    return [address, token];
  };
  t.deepEqual(choice({ server: "/run/flag.sock", context: "prod" }, all), ["/run/flag.sock", undefined]);
  t.deepEqual(choice({ context: "prod" }, all), ["https://tsfn.example.com:8081", "s3cret"]);
  t.deepEqual(choice({}, all), ["/run/variable.sock", undefined]);
  t.deepEqual(choice({}, { ...env, TSFN_CONTEXT: "plain" }), ["/run/plain.sock", undefined]);
  t.deepEqual(choice({}, { ...env, TSFN_ADMIN: "/run/admin.sock" }), ["/run/admin.sock", undefined]);
  t.deepEqual(choice({}, env), ["https://tsfn.example.com:8081", "s3cret"]);
  t.deepEqual(choice({ token: "other" }, { ...env, TSFN_TOKEN: "third" }), ["https://tsfn.example.com:8081", "other"]);
});

test("mistakes are told, with the exit code of their kind", async (t) => {
  const { run, path } = workspace(t);
  await run("create", "prod", ...prod);
  for (const [args, code, said] of [
    [["create", "prod", ...prod], 6, /already/],
    [["create", "bad name", ...prod], 2, /"bad name"/],
    [["create", "x"], 2, /--server is missing/],
    [["create", "x", "--server", "ftp://x"], 2, /ftp:\/\/x/],
    [["create", "x", ...prod.slice(0, 2), "--token-file", "/nonexistent"], 2, /\/nonexistent/],
    [["use", "staging"], 2, /no context "staging"; known: prod/],
    [["rm", "prod", "staging"], 2, /staging/],
  ] as const) {
    const result = await run(...args);
    t.is(result.code, code, result.stderr);
    t.regex(result.stderr, said);
    t.is(result.stdout, "");
  }
  chmodSync(path, 0o644);
  const open = await run("list");
  t.is(open.code, 4);
  t.regex(open.stderr, /mode 644.*wanted 600\nfix: {3}chmod 600/);
});

test("a place where no file can be is refused, and does not hang", async (t) => {
  const env = { XDG_CONFIG_HOME: "/proc/nowhere" };
  const { code, stderr } = await runCommand(["context", "create", "prod", ...prod], { env });
  t.is(code, 4);
  t.regex(stderr, /\/proc\/nowhere\/tsfn\/contexts\.json cannot be written/);
});
