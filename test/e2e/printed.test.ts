// Lines that a function's process writes to its real stdout, beside its answers and not with them: each belongs to the
// invocation that printed it, however soon the answer follows.

import { chmodSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { functionDirectory } from "../support/function-directory.ts";
import { compileStatic } from "../support/host-programs.ts";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/until.ts";

const undo: (() => unknown)[] = [];
const owner = { teardown: (step: () => unknown) => void undo.unshift(step) };
let server: Server;
test.before(async () => {
  server = await startServer(owner);
});
test.after.always(async () => {
  for (const step of undo) await step();
});

interface LogLine {
  readonly msg: string;
  readonly requestId?: string;
}

/** Both print `serving <request id>`. */
async function printedBy(name: string, calls: number): Promise<LogLine[]> {
  for (let call = 0; call < calls; call += 1) await (await server.fetch(`/function/${name}`)).text();
  return await until(`${calls} lines of ${name} are in the log`, async () => {
    const { stdout } = await server.cli(["logs", name, "--json", "--tail", "2000"]);
    const lines = stdout.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as LogLine]));
    const printed = lines.filter(({ msg }) => msg.startsWith("serving "));
    return printed.length >= calls ? printed : undefined;
  });
}

function isStrange({ msg, requestId }: LogLine): boolean {
  return msg !== `serving ${requestId}`;
}

test.serial("what a program prints just before it answers", async (t) => {
  const directory = functionDirectory(owner, { "tsfn.json": `{ "name": "prints", "runtime": "provided" }` });
  compileStatic("test/e2e/programs/bootstrap.c", join(directory, "bootstrap"));
  chmodSync(join(directory, "bootstrap"), 0o755);
  await server.deploy(directory);
  t.deepEqual((await printedBy("prints", 300)).filter(isStrange), []);
});

test.serial("what a function's child prints just before the function answers, the first time as well", async (t) => {
  const source = `import { execFileSync } from "node:child_process";
    export default { fetch(request: Request) {
      const program = "console.log('serving', process.argv[1])";
      execFileSync(process.execPath, ["-e", program, request.headers.get("x-request-id")], { stdio: "inherit" });
      return new Response("done");
    } };`;
  await server.deploy(functionDirectory(owner, { "tsfn.json": `{ "name": "parent" }`, "index.ts": source }));
  t.deepEqual((await printedBy("parent", 10)).filter(isStrange), []);
});
