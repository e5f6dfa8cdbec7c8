// `tsfn init` and `tsfn dev` as a newcomer types them, on a terminal of their own (util-linux's script): it answers, and the
// keys do what the help says.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import test from "ava";
import { runCommand, tsfn } from "../support/command.ts";
import { passableDirectory } from "../support/function-directory.ts";
import { until } from "../support/until.ts";

test.serial("init, cd, dev: the function answers; h helps, r restarts, q ends with 0", async (t) => {
  const base = passableDirectory(t);
  t.is((await runCommand(["init", "hello", "-y"], { cwd: base })).code, 0);
  const { PATH = "", HOME = "/" } = process.env;
  const child = spawn("script", ["-qec", `${tsfn} dev -p 0`, "/dev/null"], {
    cwd: join(base, "hello"),
    env: { PATH, HOME, TERM: "dumb", NO_COLOR: "1", SHELL: "/bin/sh" },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(child, "exit");
  t.teardown(async () => {
    if (child.exitCode === null) child.kill("SIGTERM");
    await ended;
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    output += piece;
  });
  const url = await until("dev is ready", () => {
    if (child.exitCode !== null) throw new Error(`tsfn dev exited with ${child.exitCode}\n${output}`);
    return output.includes("Type h and Enter") ? /http:\/\/\S+\/function\/hello/.exec(output)?.[0] : undefined;
  });
  const answer = async () => {
    const response = await fetch(`${url}?name=you`);
    t.deepEqual([response.status, await response.json()], [200, { hello: "you" }]);
    return response.headers.get("x-tsfn-cold");
  };
  await answer();
  t.is(await answer(), null, "the instance is warm");
  child.stdin.write("h\n");
  await until("the help", () => output.includes("restart the instances"));
  child.stdin.write("r\n");
  await until("the restart", () => output.includes("begins anew"));
  t.is(await answer(), "1", "the next call is a cold start");
  child.stdin.write("q\n");
  t.deepEqual(await ended, [0, null], output);
});
