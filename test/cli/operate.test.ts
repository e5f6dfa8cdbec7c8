// The operator's commands against a live daemon: versions and rollback, logs and their filters, stats; each as text and as
// JSON, in success and in failure.

import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import test, { type ExecutionContext } from "ava";
import { runCommand, spawnCommand } from "../support/command.ts";
import { openTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { functionOf } from "../support/function-directory.ts";
import { until } from "../support/until.ts";

interface Shop {
  readonly daemon: TestDaemon;
  readonly cli: (...args: string[]) => ReturnType<typeof runCommand>;
  readonly json: (...args: string[]) => Promise<never>;
  /** Deploys a function that answers with `text`. */
  readonly deploy: (name: string, text: string, head?: string) => Promise<void>;
  readonly call: (path: string) => Promise<string>;
}

async function open(t: ExecutionContext): Promise<Shop> {
  const daemon = await openTestDaemon(t);
  const env = { TSFN_SERVER: daemon.adminSocket };
  const cli = (...args: string[]) => runCommand(args, { env });
  return {
    daemon,
    cli,
    json: async (...args) => JSON.parse((await cli(...args, "--json")).stdout) as never,
    deploy: async (name, text, head = "") => {
      const { status, text: answer } = await daemon.deploy(
        functionOf(t, { name }, `${head} return new Response(${JSON.stringify(text)});`),
      );
      if (status >= 300) throw new Error(answer);
    },
    call: async (path) => await (await fetch(`${daemon.url}/function/${path}`)).text(),
  };
}

test("rollback goes to the version before, or to any, and what is deployed next has a new number", async (t) => {
  const { cli, json, deploy, call } = await open(t);
  for (const text of ["one", "two", "three"]) await deploy("hello", text);
  t.regex((await cli("versions", "hello")).stdout, /^VERSION +LIVE[^\n]*\n +3 +\*[^\n]*\n +2 [^\n]*\n +1 [^\n]*\n$/);

  const back = await cli("rollback", "hello");
  t.is(back.stdout, "hello@2\n");
  t.is(await call("hello"), "two");
  t.like(await json("versions", "hello"), { live: 2, versions: [{ number: 1 }, { number: 2 }, { number: 3 }] });
  t.like(await json("rollback", "hello", "1"), { version: 1, previous: 2, unchanged: false });
  t.is(await call("hello"), "one");
  t.like(await json("rollback", "hello", "1"), { version: 1, previous: 1, unchanged: true });
  t.like(await json("rollback", "hello", "3"), { version: 3, previous: 1 });
  await deploy("hello", "four");
  t.like(await json("versions", "hello"), { live: 4 });
  t.is(await call("hello"), "four");
});

test("a rollback that cannot be changes nothing, and says why", async (t) => {
  const { cli, json, deploy, call, daemon } = await open(t);
  const mark = `${daemon.dataDir}/gone`;
  await deploy(
    "once",
    "good",
    `const { existsSync } = await import("node:fs"); if (existsSync(${JSON.stringify(mark)})) process.exit(3);`,
  );
  for (const [args, code, problem] of [
    [["rollback", "once"], 3, { code: "VERSION_NOT_FOUND", function: "once" }],
    [["rollback", "once", "7"], 3, { code: "VERSION_NOT_FOUND" }],
    [["rollback", "none"], 3, { code: "FUNCTION_NOT_FOUND" }],
    [["versions", "none"], 3, { code: "FUNCTION_NOT_FOUND" }],
    [["rollback", "once", "x"], 2, { code: "USAGE" }],
  ] as const) {
    t.is((await cli(...args)).code, code, args.join(" "));
    t.like(await json(...args), problem, args.join(" "));
  }
  t.is(await call("once"), "good");
});

test("a version that starts no more is not made live", async (t) => {
  const { daemon, cli, json, call } = await open(t);
  const source = (text: string, env: string) =>
    functionOf(
      t,
      { name: "fragile", env: { WHICH: env } },
      `return new Response("${text}");`,
      `import { existsSync } from "node:fs"; if (process.env.WHICH === "old" && existsSync("${daemon.dataDir}/broken")) throw new Error("no more");`,
    );
  await daemon.deploy(source("old", "old"));
  await daemon.deploy(source("new", "new"));
  const { writeFileSync } = await import("node:fs");
  writeFileSync(`${daemon.dataDir}/broken`, "");
  const refused = await cli("rollback", "fragile");
  t.is(refused.code, 1);
  t.regex(refused.stderr, /no more/);
  t.is(await call("fragile"), "new");
  t.like(await json("versions", "fragile"), { live: 2 });
});

const talking = `const id = request.headers.get("x-request-id");
  console.debug("debug " + id); console.log("info " + id); console.warn("warn " + id); console.error("error " + id);`;

test("logs are filtered by time, level, instance and request", async (t) => {
  const { daemon, cli, deploy } = await open(t);
  await deploy("talker", "ok", talking);
  const call = (id: string) => fetch(`${daemon.url}/function/talker`, { headers: { "x-request-id": id } });
  const said = async (...args: string[]): Promise<string[]> => {
    const { stdout, code, stderr } = await cli("logs", "talker", "--json", ...args);
    t.is(code, 0, stderr);
    const records = stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
    return records.filter(({ stream }) => stream !== "platform").map(({ msg }) => msg);
  };
  await (await call("first")).text();
  await until("it is logged", async () => (await said()).length === 4);
  const between = new Date(Date.now() + 1).toISOString();
  await until("the clock has moved on", () => new Date().toISOString() > between);
  await (await call("second")).text();
  await until("both are logged", async () => (await said()).length === 8);

  t.deepEqual(await said("--request", "first"), ["debug first", "info first", "warn first", "error first"]);
  t.deepEqual(await said("--level", "warn"), ["warn first", "error first", "warn second", "error second"]);
  t.deepEqual(await said("--since", between, "--level", "error"), ["error second"]);
  t.deepEqual(
    await said("--since", "1h", "--level", "error", "-n", "1"),
    ["error second"],
    "the last one that matches",
  );
  const { instances } = (await daemon.admin("GET", "/v1/instances")).json as { instances: { id: string }[] };
  const id = instances[0]?.id ?? "";
  t.is((await said("--instance", id.slice(0, -2))).length, 8);
  t.deepEqual(await said("--instance", "other"), []);
  t.deepEqual(await said("-n", "0"), []);
  for (const wrong of [
    ["--since", "yesterday"],
    ["--level", "loud"],
    ["-n", "-1"],
  ]) {
    const { code, stderr } = await cli("logs", "talker", ...wrong);
    t.is(code, 2, stderr);
  }
});

test("a follower with a filter gets every record that matches exactly once, across deployments", async (t) => {
  const { daemon, deploy } = await open(t);
  const counting = `console.log("noise"); console.warn(new URL(request.url).search);`;
  await deploy("counter", "0", counting);
  const child = spawnCommand(["logs", "counter", "-f", "-n", "0", "--level", "warn", "--json"], {
    env: { TSFN_SERVER: daemon.adminSocket },
  });
  t.teardown(() => child.kill("SIGKILL"));
  const seen: string[] = [];
  if (child.stdout === null) throw new Error("no stdout");
  createInterface({ input: child.stdout }).on("line", (line) => seen.push(JSON.parse(line).msg));
  // What comes before it listens is not its business.
  await until("it follows", async () => {
    await fetch(`${daemon.url}/function/counter?early`);
    return seen.includes("?early");
  });
  const wanted: string[] = [];
  for (let version = 1; version <= 4; version += 1) {
    for (let call = 0; call < 25; call += 1) {
      wanted.push(`?n=${version}-${call}`);
      await (await fetch(`${daemon.url}/function/counter?n=${version}-${call}`)).text();
    }
    await deploy("counter", String(version), counting);
  }
  const counted = () => seen.filter((msg) => msg !== "?early");
  await until("it has them all", () => counted().length >= wanted.length);
  t.deepEqual(counted(), wanted);
  child.kill("SIGINT");
  const [code] = await once(child, "exit");
  t.is(code, 130);
});

test("stats tell each instance's use, once or as one document a look", async (t) => {
  const { daemon, cli, deploy, call } = await open(t);
  await deploy("one", "1");
  await deploy("two", "2");
  for (const name of ["one", "one", "two"]) await call(name);
  const text = await cli("stats", "--no-stream");
  t.is(text.code, 0);
  t.regex(
    text.stdout,
    /^INSTANCE +FUNCTION +STATE +CPU % +MEMORY \/ LIMIT +PIDS +SERVED\n(one-1.*\ntwo-1.*|two-1.*\none-1.*)\n$/,
  );
  const once = JSON.parse((await cli("stats", "one", "--no-stream", "--json")).stdout);
  t.is(once.instances.length, 1);
  t.like(once.instances[0], { function: "one", version: 1, state: "idle", served: 2, inFlight: 0 });
  t.is(typeof once.instances[0].cpuPercent, "number");

  const child = spawnCommand(["stats", "--json"], { env: { TSFN_SERVER: daemon.adminSocket } });
  t.teardown(() => child.kill("SIGKILL"));
  const looks: { ts: string; instances: unknown[] }[] = [];
  if (child.stdout === null) throw new Error("no stdout");
  createInterface({ input: child.stdout }).on("line", (line) => looks.push(JSON.parse(line)));
  await until("there are two", () => looks.length >= 2);
  t.true(looks.every(({ instances }) => instances.length === 2));
  t.true((looks[0]?.ts ?? "") < (looks[1]?.ts ?? ""));
});

test("rm tries every name and tells every one that there is not", async (t) => {
  const { cli, json, deploy } = await open(t);
  await deploy("one", "1");
  await deploy("two", "2");
  const refused = await cli("rm", "one", "");
  t.is(refused.code, 2);
  t.regex(refused.stderr, /the function's name is ""; wanted .*\nfix: {3}See tsfn rm --help/);
  t.is((await cli("versions", "one")).code, 0, "nothing was removed yet");

  const { code, stdout, stderr } = await cli("rm", "one", "nosuch1", "nosuch2", "two");
  t.is(code, 3);
  t.is(stdout, "one\ntwo\n");
  t.regex(stderr, /nosuch1[\s\S]*nosuch2[\s\S]*#FUNCTION_NOT_FOUND\n$/);
  const problem = (await json("rm", "nosuch1", "nosuch2")) as { code: string; problems: { message: string }[] };
  t.is(problem.code, "FUNCTION_NOT_FOUND");
  t.deepEqual(
    problem.problems.map(({ message }) => /nosuch\d/.exec(message)?.[0]),
    ["nosuch1", "nosuch2"],
  );
});

test("a deploy that is interrupted says that the server may go on with it", async (t) => {
  const { daemon, cli } = await open(t);
  const slow = "await new Promise((done) => setTimeout(done, 3_000));";
  const directory = functionOf(t, { name: "slow" }, `return new Response("slow");`, slow);
  const command = spawnCommand(["deploy", directory], { env: { TSFN_SERVER: daemon.adminSocket } });
  const [stderr, closed] = [text(command.stderr as Readable), once(command, "close")];
  const layers = () => readdirSync(join(daemon.dataDir, "layers")).length;
  const before = layers();
  await until("the server has it", () => layers() > before);
  command.kill("SIGINT");
  t.deepEqual(await closed, [130, null]);
  t.regex(await stderr, /^interrupted: .*see: tsfn versions slow\n$/);
  await until("it is live", async () => (await cli("versions", "slow")).code === 0);
});
