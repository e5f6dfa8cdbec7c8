// Secrets on a real server: who gets them, as what, and where they are not.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import test from "ava";
import { functionOf } from "../support/function-directory.ts";
import { startServer } from "../support/server.ts";
import { until } from "../support/until.ts";

const value = "hunter2-and-more-of-it";

test("a function gets its secrets as variables and files, in every layer, and nothing else holds them", async (t) => {
  const server = await startServer(t);
  const head = `import { readFileSync, writeFileSync, statSync, readdirSync } from "node:fs"; const early = process.env.API_KEY;`;
  const body = `if (request.method === "POST") writeFileSync("/tmp/dirt", "x");
    const path = "/run/secrets/API_KEY";
    return Response.json({ early, env: process.env.API_KEY, file: readFileSync(path, "utf8"),
      mode: statSync(path).mode & 0o777, names: readdirSync("/run/secrets"), dirt: readdirSync("/tmp") });`;
  const directory = functionOf(t, { name: "keeper", secrets: ["API_KEY"] }, body, head);

  const early = await server.cli(["deploy", directory]);
  t.is(early.code, 3, early.stderr);
  t.regex(early.stderr, /there is no secret API_KEY.*tsfn secret put API_KEY/s);

  const put = await server.cli(["secret", "put", "API_KEY"], { input: `${value}\n` });
  t.is(put.code, 0, put.stderr);
  await server.deploy(directory);
  const told = { early: value, env: value, file: value, mode: 0o400, names: ["API_KEY"], dirt: [] };
  const call = async (method: string) => await (await server.fetch("/function/keeper", { method })).json();
  t.deepEqual(await call("GET"), told);
  t.like(await call("POST"), { file: value, dirt: ["dirt"] });
  t.deepEqual(await call("GET"), told, "also in the next layer");

  const { prefork } = await server.ask<{ prefork: object }>("/v1/functions/keeper");
  t.like(prefork, { wanted: "function", mode: "runtime" });
  const listed = await server.cli(["secret", "list", "--json"]);
  t.like(JSON.parse(listed.stdout), { secrets: [{ name: "API_KEY", functions: ["keeper"] }] });
  t.false(listed.stdout.includes(value));

  // Where it must not be: on disk, in what other functions see, in the memory of processes that are copied.
  t.is(grep(server.dataDir), "");
  t.false((await server.cli(["inspect", "keeper", "--json"])).stdout.includes(value));
  t.deepEqual(environmentsWith(server.info().wardenPid), []);
});

test("another value reaches new calls, and a secret in use stays", async (t) => {
  const server = await startServer(t);
  await server.cli(["secret", "put", "TOKEN"], { input: "first" });
  await server.deploy(functionOf(t, { name: "user", secrets: ["TOKEN"] }, "return new Response(process.env.TOKEN);"));
  const text = async () => await (await server.fetch("/function/user")).text();
  t.is(await text(), "first");
  await server.cli(["secret", "put", "TOKEN"], { input: "second" });
  await until("the new value is there", async () => (await text()) === "second");
  const refused = await server.cli(["secret", "delete", "TOKEN"]);
  t.is(refused.code, 6);
  t.regex(refused.stderr, /the live version of user names it/);
  await server.cli(["rm", "user"]);
  t.is((await server.cli(["secret", "delete", "TOKEN"])).code, 0);
  t.is((await server.cli(["secret", "delete", "TOKEN"])).code, 3);
});

/** Files that hold the value. */
function grep(directory: string): string {
  try {
    return execFileSync("grep", ["-rlF", value, directory], { encoding: "utf8" });
  } catch (error) {
    // 1: no file does.
    if ((error as { status?: number }).status === 1) return "";
    throw error;
  }
}

/** Processes of the server that were given the value when they were started. */
function environmentsWith(wardenPid: number): string[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) >= wardenPid);
  return pids.filter((pid) => {
    try {
      return (
        readFileSync(`/proc/${pid}/environ`).includes(value) || readFileSync(`/proc/${pid}/cmdline`).includes(value)
      );
    } catch {
      return false; // It ended while it was looked at.
    }
  });
}
