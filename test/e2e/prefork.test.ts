// What a version does while it is loaded, times each way to start it: it answers correctly, or it is started in another
// way and `tsfn inspect` says why. None hangs. A row is a behaviour: what runs at load, and what a call must come to.

import { copyFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { root } from "../architecture/tree.ts";
import { functionDirectory } from "../support/function-directory.ts";
import { type Server, startServer } from "../support/server.ts";
import { type Behaviour, behaviours } from "./load-behaviours.ts";

const modes = ["function", "runtime", "none"] as const;

const source = ({ load, check }: Behaviour) => `
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
${load}
const check = async (): Promise<boolean> => { ${check} };
export default { fetch: async () => Response.json({ ok: await check(), pid: process.pid }) };
`;

/** Those that every way to start must know, for instances that serve one invocation only as well. */
const essential = [
  "top-level-await",
  "timer-far-away",
  "listening-socket",
  "worker",
  "child-process",
  "web-assembly",
  "native-addon",
];

function directoryOf(
  t: Parameters<typeof functionDirectory>[0],
  behaviour: Behaviour,
  prefork: string,
  always?: "never",
): string {
  const { name, reuse = always ?? "process", files = {} } = behaviour;
  const manifest = {
    name: `${name}-${prefork}`,
    prefork,
    reuse,
    limits: { memory: "256mb", timeout: "10s" },
    scaling: { idleTimeout: "50ms" },
  };
  const directory = functionDirectory(t, {
    ...files,
    "tsfn.json": JSON.stringify(manifest),
    "index.ts": source(behaviour),
  });
  if (Object.hasOwn(files, "addon.node")) copyFileSync(someAddon(), join(directory, "addon.node"));
  return directory;
}

/** A real one, whatever it does: that it loads is the point. */
function someAddon(): string {
  return join(root, `node_modules/@koromix/koffi-linux-${process.arch}/linux_${process.arch}/koffi.node`);
}

async function callBoth(server: Server, name: string): Promise<unknown> {
  const answer = async () => {
    const response = await server.fetch(`/function/${name}`);
    return response.status === 200 ? await response.json() : `${response.status} ${await response.text()}`;
  };
  // Two at the same time are two instances, and so two clones.
  return await Promise.all([answer(), answer()]);
}

for (const mode of modes) {
  test.serial(`prefork "${mode}": ${behaviours.length} ways to load are answered correctly`, async (t) => {
    const server = await startServer(t);
    for (const behaviour of behaviours) {
      const name = `${behaviour.name}-${mode}`;
      await server.deploy(directoryOf(t, behaviour, mode));
      const well = { ok: true, pid: 1 };
      t.deepEqual(await callBoth(server, name), [well, well], name);
      const { prefork } = JSON.parse((await server.cli(["inspect", name, "--json"])).stdout) as Inspected;
      t.is(prefork.wanted, mode, name);
      if (mode !== "function" || behaviour.reason === undefined) t.like(prefork, { mode, reason: null }, name);
      else {
        t.is(prefork.mode, "runtime", name);
        t.regex(prefork.reason ?? "", behaviour.reason, name);
      }
    }
  });
}

for (const mode of modes) {
  test.serial(
    `prefork "${mode}" with reuse "never": each caller gets a process of its own, however it loads`,
    async (t) => {
      const server = await startServer(t);
      const found = behaviours.filter(({ name }) => essential.includes(name));
      t.is(found.length, essential.length);
      for (const behaviour of found) {
        await server.deploy(directoryOf(t, behaviour, mode, "never"));
        const well = { ok: true, pid: 1 };
        t.deepEqual(await callBoth(server, `${behaviour.name}-${mode}`), [well, well], behaviour.name);
      }
    },
  );
}

interface Inspected {
  readonly prefork: { readonly wanted: string; readonly mode: string; readonly reason: string | null };
}
