// Every command with --json, against a live daemon: one document, or one a line, in success; one problem document in failure.
// And the same daemon from afar: by URL and token.

import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { runCommand } from "../support/command.ts";
import { functionDirectory, functionOf, temporaryDirectory } from "../support/function-directory.ts";
import { openRemoteDaemon, type RemoteDaemon } from "../support/remote-daemon.ts";

interface Fixture {
  readonly daemon: RemoteDaemon;
  readonly directory: string;
  readonly broken: string;
}

async function open(t: ExecutionContext): Promise<Fixture> {
  const daemon = await openRemoteDaemon(t);
  const directory = functionOf(t, { name: "hello" }, `console.log("said"); return new Response("hi");`);
  const broken = functionDirectory(t, {
    "tsfn.json": `{ "name": "broken" }`,
    "index.ts": `const deep = (left: number): never => { if (left === 0) throw new Error("boom at load"); return deep(left - 1); };
      deep(20);
      export default { fetch: () => new Response() };`,
  });
  return { daemon, directory, broken };
}

const parsed = (text: string): unknown[] => text.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line)]));

test("each command's success is JSON, and nothing else is said", async (t) => {
  const { daemon, directory } = await open(t);
  const made = join(temporaryDirectory(t), "made");
  const commands: readonly (readonly string[])[] = [
    ["init", made, "-t", "provided"],
    ["doctor"],
    ["secret", "put", "API_KEY"],
    ["secret", "list"],
    ["secret", "delete", "API_KEY"],
    ["deploy", directory],
    ["deploy", directory, "-e", "A=1"],
    ["invoke", "hello"],
    ["logs", "hello"],
    ["list"],
    ["ps"],
    ["inspect", "hello"],
    ["stats", "--no-stream"],
    ["versions", "hello"],
    ["rollback", "hello"],
    ["restart", "hello", "--zygote"],
    ["server", "status"],
    ["context", "create", "mine", "--server", daemon.adminSocket],
    ["context", "use", "mine"],
    ["context", "show"],
    ["context", "list"],
    ["context", "rm", "mine"],
    ["rm", "hello"],
  ];
  for (const args of commands) {
    const { code, stdout, stderr } = await runCommand([...args, "--json"], {
      input: "a value",
      env: { TSFN_SERVER: daemon.adminSocket, XDG_CONFIG_HOME: daemon.dataDir },
    });
    t.is(code, 0, `${args.join(" ")}: ${stderr}`);
    t.is(stderr, "", args.join(" "));
    const documents = parsed(stdout);
    t.true(args[0] === "logs" ? documents.length > 0 : documents.length === 1, args.join(" "));
    t.true(documents.every((document) => typeof document === "object" && document !== null));
  }
});

test("each command's failure is a problem with its exit code, as JSON or in four lines at most", async (t) => {
  const { daemon, broken } = await open(t);
  const env = { TSFN_SERVER: daemon.adminSocket, XDG_CONFIG_HOME: daemon.dataDir };
  const commands: readonly (readonly [readonly string[], number, string])[] = [
    [["deploy", broken], 1, "LOAD_FAILED"],
    [["deploy", "/nonexistent"], 2, "SOURCE_INVALID"],
    [["init", "Not_A_Name"], 2, "NAME_INVALID"],
    [["dev", "/nonexistent"], 2, "SOURCE_INVALID"],
    [["secret", "put", "1A"], 2, "SECRET_INVALID"],
    [["secret", "delete", "NONE"], 3, "SECRET_NOT_FOUND"],
    [["server", "start", "--listen", "nowhere"], 2, "USAGE"],
    [["help", "nothing"], 2, "USAGE"],
    [["rollback", "none", "first"], 2, "USAGE"],
    [["invoke", "none"], 3, "FUNCTION_NOT_FOUND"],
    [["logs", "none"], 3, "FUNCTION_NOT_FOUND"],
    [["logs", "none", "--since", "later"], 2, "USAGE"],
    [["inspect", "none"], 3, "FUNCTION_NOT_FOUND"],
    [["versions", "none"], 3, "FUNCTION_NOT_FOUND"],
    [["rollback", "none"], 3, "FUNCTION_NOT_FOUND"],
    [["restart", "none"], 3, "FUNCTION_NOT_FOUND"],
    [["stats", "none", "--no-stream"], 3, "FUNCTION_NOT_FOUND"],
    [["rm", "none"], 3, "FUNCTION_NOT_FOUND"],
    [["context", "use", "none"], 2, "USAGE"],
    [["completion", "tcsh"], 2, "USAGE"],
    [["stats", "--no-stram"], 2, "USAGE"],
  ];
  for (const [args, exitCode, code] of commands) {
    const text = await runCommand(args, { env });
    t.is(text.code, exitCode, `${args.join(" ")}: ${text.stderr}`);
    t.is(text.stdout, "", args.join(" "));
    t.regex(text.stderr, /^error: .+\n[\s\S]+\nfix: {3}.+\ndocs: {2}docs\/errors\.md#[A-Z_]+\n$/, args.join(" "));
    t.true(text.stderr.trimEnd().split("\n").length <= 4, text.stderr);
    const { code: sameCode, stdout, stderr } = await runCommand([...args, "--json"], { env });
    t.is(sameCode, exitCode, args.join(" "));
    t.is(stderr, "", args.join(" "));
    t.like(parsed(stdout), [{ code }], args.join(" "));
  }
});

test("a server is operated from afar with its URL and its token, by flags, variables or a context", async (t) => {
  const { daemon, directory } = await open(t);
  const { adminUrl, token } = daemon;
  const run = (args: readonly string[], env: Record<string, string> = {}) =>
    runCommand(args, { env: { XDG_CONFIG_HOME: daemon.dataDir, ...env } });
  const deployed = await run(["deploy", directory, "--server", adminUrl, "--token", token]);
  t.is(deployed.code, 0, deployed.stderr);
  const invoked = await run(["invoke", "hello"], { TSFN_SERVER: adminUrl, TSFN_TOKEN: token });
  t.is(invoked.stdout, "hi");
  t.is((await run(["context", "create", "far", "--server", adminUrl, "--token", token])).code, 0);
  t.is((await run(["context", "use", "far"])).code, 0);
  const listed = await run(["list", "--json"]);
  t.like(JSON.parse(listed.stdout), { functions: [{ function: "hello" }] });

  t.regex((await run(["server", "status"])).stdout, new RegExp(`^admin url +${adminUrl}$`, "m"));
  for (const wrong of [[], ["--token", "wrong"]]) {
    const refused = await run(["list", "--server", adminUrl, ...wrong]);
    t.is(refused.code, 4, refused.stderr);
    t.regex(refused.stderr, /\nfix: {3}Pass it with --token or TSFN_TOKEN\n.*#TOKEN_REQUIRED\n$/);
  }
});
