// Fewer instances can have a network than there can be: who holds them all while idle gives one up for whoever is called.

import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { tsfn } from "../../support/command.ts";
import { functionDirectory, temporaryDirectory } from "../../support/function-directory.ts";
import { startServer } from "../../support/server.ts";

/** So many that a few instances can have a network (runtime/egress/egress-messages.ts). */
const openFiles = 1_000;
const withNetwork = 33;

test("idle instances of one function do not keep another one from getting a network", async (t) => {
  const launcher = join(temporaryDirectory(t), "tsfn");
  writeFileSync(launcher, `#!/bin/bash\nulimit -n ${openFiles}\nexec ${tsfn} "$@"\n`);
  chmodSync(launcher, 0o755);
  const server = await startServer(t, { launcher });
  const deploy = async (name: string) => {
    const manifest = { name, network: "internet", scaling: { max: 50, idleTimeout: "1h" } };
    // For so long that none is free for a second call before all have begun.
    const source = `export default { async fetch() { await new Promise((done) => setTimeout(done, 5_000)); return new Response("done"); } };`;
    await server.deploy(functionDirectory(t, { "tsfn.json": JSON.stringify(manifest), "index.ts": source }));
  };
  await deploy("second");
  await server.cli(["restart", "second"]);
  await deploy("first");
  await Promise.all(Array.from({ length: withNetwork + 7 }, () => server.fetch("/function/first")));
  const { instances } = await server.ask<{ instances: { function: string }[] }>("/v1/instances");
  t.true(instances.length >= withNetwork, `${instances.length} instances`);
  const answer = await server.fetch("/function/second");
  t.deepEqual([answer.status, await answer.text()], [200, "done"]);
});
