// The README's commands, in its order, from `server start` in the background to `server stop`.

import { join } from "node:path";
import test from "ava";
import { runCommand } from "../support/command.ts";
import { example, passableDirectory } from "../support/function-directory.ts";
import { createLeakAudit } from "../support/leak-audit.ts";
import { startServer } from "../support/server.ts";

test.serial(
  "server start, deploy, curl, invoke, logs, ps, inspect, rm, server stop work as the README shows",
  async (t) => {
    const base = passableDirectory(t);
    const env = {
      TSFN_DATA_DIR: join(base, "data"),
      TSFN_ADMIN: join(base, "run/admin.sock"),
      TSFN_LISTEN: "127.0.0.1:0",
    };
    const audit = createLeakAudit(env.TSFN_DATA_DIR);
    const tsfn = async (...args: string[]) => {
      const result = await runCommand(args, { env });
      t.is(result.code, 0, `tsfn ${args.join(" ")}\n${result.stdout}${result.stderr}`);
      return result.stdout;
    };
    t.teardown(async () => {
      await runCommand(["server", "stop"], { env });
      audit.assertClean();
    });

    await tsfn("server", "start");
    const info = JSON.parse(await tsfn("server", "status", "--json")) as { url: string; wardenPid: number };
    const deployed = await tsfn("deploy", example("hello"));
    t.regex(deployed, /\/function\/hello/, "deploy prints the URL");

    const answer = await fetch(new URL("/function/hello", info.url));
    t.is(answer.status, 200);
    t.is(answer.headers.get("x-tsfn-version"), "1");
    t.deepEqual(await answer.json(), { message: "Hello, world!" });

    t.deepEqual(JSON.parse(await tsfn("invoke", "hello", "-d", '{"name":"you"}')), { message: "Hello, you!" });
    t.regex(await tsfn("logs", "hello"), /greeting world[\s\S]*greeting you/);
    t.regex(await tsfn("ps"), /hello/);
    t.regex(await tsfn("list"), /hello/);
    t.regex(await tsfn("inspect", "hello"), /hello/);
    audit.observe(info.wardenPid);

    await tsfn("rm", "hello");
    t.is((await fetch(new URL("/function/hello", info.url))).status, 404);
    t.is((await runCommand(["inspect", "hello"], { env })).code, 3);

    await tsfn("server", "stop");
    audit.assertClean();
    t.is((await runCommand(["list"], { env })).code, 5);
  },
);

test.serial("an identical deployment is not a new version, a changed one is", async (t) => {
  const server = await startServer(t);
  await server.deploy(example("hello"));
  const again = await server.cli(["deploy", example("hello"), "--json"]);
  t.like(JSON.parse(again.stdout), { name: "hello", version: 1, unchanged: true });
  const changed = await server.cli(["deploy", example("hello"), "-e", "GREETING=Hi", "--json"]);
  t.like(JSON.parse(changed.stdout), { name: "hello", version: 2, unchanged: false });
  const answer = await server.fetch("/function/hello");
  t.deepEqual(await answer.json(), { message: "Hi, world!" });
});
