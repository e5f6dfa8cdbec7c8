// How many instances a server may hold, and that callers who get none are told what there is too little of.

import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import test from "ava";
import { TsfnError } from "../../runtime/errors.ts";
import { capacityOf, connectionsFor, openFilesLimit } from "../../runtime/pool/index.ts";
import { root } from "../architecture/tree.ts";
import { heldBody, openTestRuntime } from "../support/test-runtime.ts";

/** Its second start does not come to an end for a long time. */
const loadingOnce = `import { existsSync, writeFileSync } from "node:fs";
  if (existsSync(process.env.MARK)) await new Promise((resolve) => setTimeout(resolve, 60_000));
  writeFileSync(process.env.MARK, "");
  export default { fetch: () => new Response("ok") };`;
const reading = `export default { async fetch(request) { await request.text(); return new Response("ok"); } };`;

test("the operator's limit counts as long as there are descriptors for it", (t) => {
  const settings = { maxInstances: 256, sandboxesReady: 8 };
  t.is(capacityOf(settings, 20_000).maxInstances, 256);
  t.regex(capacityOf(settings, 20_000).bound, /256 instances .*--max-instances/);
  const few = capacityOf(settings, 1_024);
  t.true(few.maxInstances < 256);
  t.regex(few.bound, /1024 open files/);
  t.regex(few.hint, /LimitNOFILE/);
  t.is(capacityOf(settings, 64).maxInstances, 1, "one is tried whatever the limit");
});

test("callers' connections leave descriptors to instances, whatever the limit", (t) => {
  for (const openFiles of [512, 1_024, 4_096, 20_000, 1_048_576]) {
    const { maxInstances } = capacityOf({ maxInstances: 1e6, sandboxesReady: 8 }, openFiles);
    const { callers, operators } = connectionsFor(openFiles);
    // tsfnd holds five for each; operators come over the socket and over TCP.
    t.true(callers + 2 * operators + 5 * maxInstances < openFiles, `${openFiles} open files`);
  }
  t.true(connectionsFor(1_048_576).callers >= 10_000);
});

test("the limit of open files is the one this process has", async (t) => {
  const program = `import { openFilesLimit } from "./runtime/pool/index.ts"; console.log(await openFilesLimit());`;
  const command = `ulimit -n 777; exec "$0" --input-type=module -e '${program}'`;
  const { stdout } = await promisify(execFile)("bash", ["-c", command, process.execPath], { cwd: root });
  t.is(stdout.trim(), "777");
  t.true((await openFilesLimit()) > 0);
});

test("whoever waits in vain is told which limit was reached", async (t) => {
  const { deploy, text, runtime, dataDir } = await openTestRuntime(t, { maxInstances: 1 });
  const refusal = async (name: string): Promise<TsfnError> => {
    const refused = await t.throwsAsync(text(name), { instanceOf: TsfnError });
    t.is(refused?.code, "NO_CAPACITY");
    return refused as TsfnError;
  };
  const small = { scaling: { max: 1 }, limits: { timeout: "500ms" }, env: { MARK: join(dataDir, "mark") } };
  await deploy("small", loadingOnce, small);
  await runtime.restart("small", { zygote: false });
  const bySetting = await refusal("small");
  t.regex(bySetting.message, /scaling\.max/);
  t.regex(bySetting.hint, /raise scaling\.max/);
  await runtime.remove("small");

  await deploy("holder", reading, { limits: { timeout: "60s" } });
  await deploy("other", reading, { limits: { timeout: "1s" } });
  const held = heldBody();
  const holding = text("holder", { method: "POST", body: held.body });
  const byServer = await refusal("other");
  t.regex(byServer.message, /1 instances of all functions .*--max-instances/);
  held.end();
  t.is(await holding, "ok");
});
