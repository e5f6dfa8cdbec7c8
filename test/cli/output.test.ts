// Where the output of a command goes wrong: a stdout that takes nothing, and a reader that leaves.

import test from "ava";
import { runCommand } from "../support/command.ts";
import { openTestDaemon } from "../support/daemon.ts";
import { functionOf } from "../support/function-directory.ts";
import { until } from "../support/until.ts";

const intoFullDevice = ["sh", "-c", 'exec "$0" "$@" >/dev/full'];
const intoReaderThatLeaves = ["bash", "-o", "pipefail", "-c", '"$0" "$@" | true'];

const commands: readonly (readonly string[])[] = [
  ["--help"],
  ["list"],
  ["inspect", "talker", "--json"],
  ["invoke", "talker"],
  ["logs", "talker"],
  ["logs", "talker", "--json"],
  ["stats", "--no-stream"],
  ["completion", "bash"],
];

test("output that cannot be written is told on stderr, and a reader that leaves is no failure", async (t) => {
  const daemon = await openTestDaemon(t);
  await daemon.deploy(functionOf(t, { name: "talker" }, `console.log("said"); return new Response("hi");`));
  const env = { TSFN_SERVER: daemon.adminSocket };
  await (await fetch(`${daemon.url}/function/talker`)).text();
  await until("it is logged", async () => (await runCommand(["logs", "talker"], { env })).stdout.includes("said"));
  for (const args of commands) {
    const lost = await runCommand(args, { env, within: intoFullDevice });
    t.is(lost.code, 1, args.join(" "));
    t.regex(lost.stderr, /^error: .+\nwhy: {3}.*ENOSPC.*\nfix: {3}.+\ndocs: {2}.+#OUTPUT_FAILED\n$/, args.join(" "));
    const left = await runCommand(args, { env, within: intoReaderThatLeaves });
    t.deepEqual([left.code, left.stderr], [0, ""], args.join(" "));
  }
});

test("a failure that cannot be written as JSON is told as lost output", async (t) => {
  const { code, stderr } = await runCommand(["list", "--json", "--server", "/nonexistent/admin.sock"], {
    within: intoFullDevice,
  });
  t.is(code, 1);
  t.regex(stderr, /#OUTPUT_FAILED\n$/);
});
