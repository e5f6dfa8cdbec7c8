// What `tsfn inspect` and `tsfn ps` tell about instances, compared with what the kernel itself says.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import type { FunctionDescription, InstanceDescription } from "../../runtime/index.ts";
import { example } from "../support/function-directory.ts";
import { type NamespaceKind, namespaceKinds, namespacesOf, readProcess } from "../support/processes.ts";
import { startServer } from "../support/server.ts";

test.serial(
  "inspect shows every instance's pid, namespaces, cgroups, limits and layers, and all of it is true",
  async (t) => {
    const server = await startServer(t);
    await server.deploy(example("hello"));
    await server.fetch("/function/hello");
    const { stdout, code } = await server.cli(["inspect", "hello", "--json"]);
    t.is(code, 0);
    const description = JSON.parse(stdout) as FunctionDescription;
    t.true(description.instanceList.length >= 1);

    const host = namespacesOf("self");
    for (const { sandbox } of description.instanceList) {
      if (sandbox === null || sandbox.pid === null) return t.fail("the instance has no process");
      t.is(readProcess(sandbox.pid)?.uid, sandbox.uidBase + 1000);

      t.deepEqual(Object.keys(sandbox.namespaces).sort(), [...namespaceKinds].sort());
      const real = namespacesOf(sandbox.pid);
      for (const kind of namespaceKinds) {
        t.is(sandbox.namespaces[kind], real.get(kind) ?? null, kind);
        t.not(sandbox.namespaces[kind], host.get(kind) ?? null, `${kind} is not the host's`);
      }

      t.true(sandbox.cgroups.length >= 1);
      for (const path of sandbox.cgroups) {
        t.regex(path, /\/tsfn-[0-9a-f]{8}\//);
        const members = readFileSync(join(path, "cgroup.procs"), "utf8").split("\n");
        t.true(members.includes(String(sandbox.pid)), `${sandbox.pid} is in ${path}`);
      }

      const { memoryBytes, pids, cpus } = description.current.manifest.limits;
      t.like(sandbox.limits, { memoryBytes, pids, cpus });
      t.deepEqual(sandbox.layers, description.layers);
      for (const digest of sandbox.layers) t.true(existsSync(join(server.dataDir, "layers", digest)), digest);
    }
  },
);

test.serial("two instances share no namespace and no uid", async (t) => {
  const server = await startServer(t);
  await server.deploy(example("sleep"));
  const sleepers = [1, 2].map(() => server.fetch("/function/sleep?ms=3000"));
  const { instances } = await server.ask<{ instances: readonly InstanceDescription[] }>("/v1/instances");
  const seen = new Map<string, string>();
  await Promise.all(sleepers);
  const after = await server.ask<{ instances: readonly InstanceDescription[] }>("/v1/instances");
  const sandboxes = (after.instances.length >= 2 ? after.instances : instances).flatMap(({ sandbox }) => sandbox ?? []);
  t.true(sandboxes.length >= 2);
  for (const sandbox of sandboxes) {
    const ids = namespaceKinds.map((kind: NamespaceKind) => `${kind} ${sandbox.namespaces[kind]}`);
    for (const id of [...ids, `uid ${sandbox.uidBase}`]) {
      t.is(seen.get(id), undefined, `${id} is shared`);
      seen.set(id, sandbox.id);
    }
  }
});

test.serial("ps lists what runs, as a table and as JSON", async (t) => {
  const server = await startServer(t);
  await server.deploy(example("hello"));
  await server.fetch("/function/hello");
  const table = await server.cli(["ps"]);
  t.regex(table.stdout, /hello@1/);
  const { stdout } = await server.cli(["ps", "--json"]);
  t.true(stdout.includes('"namespaces"'));
});
