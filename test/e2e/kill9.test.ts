// kill -9 of the server's own processes, in every combination, under a load that keeps forking: who was being served gets
// an answer unless tsfnd itself dies, what is left ends by itself or at the next start, before the server listens again,
// and every function answers. The processes of functions are killed in zygote-kill.test.ts.

import { existsSync } from "node:fs";
import test from "ava";
import { sandboxCgroups } from "../support/cgroups.ts";
import { example, functionOf } from "../support/function-directory.ts";
import { honest, startLoad } from "../support/load.ts";
import { isAlive, processTree, readProcess } from "../support/processes.ts";
import { type Server, startServer, type Victim } from "../support/server.ts";
import { until } from "../support/until.ts";

const rounds = 3;
const combinations: readonly (readonly Victim[])[] = [
  ["tsfnd"],
  ["warden"],
  ["guardian"],
  ["tsfnd", "warden"],
  ["guardian", "warden"],
  ["guardian", "tsfnd"],
  ["guardian", "warden", "tsfnd"],
];

type Owner = Parameters<typeof functionOf>[0];

/** Functions whose calls are all forks, because no process serves twice, and two whose processes stay. */
async function startUnderLoad(t: Owner): Promise<Server> {
  // None made ahead: the server that is started again would have its own.
  const server = await startServer(t, { flags: ["--sandboxes-ready", "0", "--zygotes-ready", "0"] });
  await server.deploy(example("hello"));
  await server.deploy(example("sleep"));
  for (const prefork of ["function", "runtime"]) {
    const manifest = { name: `by-${prefork}`, prefork, reuse: "never" };
    await server.deploy(functionOf(t, manifest, `return new Response("forked");`));
  }
  return server;
}

const paths = [
  "by-function",
  "by-runtime",
  "by-function",
  "by-runtime",
  "hello",
  "hello",
  "sleep?ms=20",
  "sleep?ms=20",
];

for (const victims of combinations) {
  const who = victims.join(" and ");
  test.serial(`kill -9 of ${who} in the middle of forks: nothing is left, and functions answer again`, async (t) => {
    const server = await startUnderLoad(t);
    for (let round = 0; round < rounds; round += 1) {
      const load = startLoad(
        server,
        paths.map((path) => `/function/${path}`),
      );
      await until("calls are answered", () => load.answered() > 40);
      const { guardianPid, wardenPid, pid } = server.info();
      const pids = processTree(guardianPid).map((entry) => entry.pid);
      const killedAtMs = performance.now();
      server.kill9(...victims);
      await load.stop();
      for (const { path, startedAtMs, status, text } of load.outcomes) {
        // Who comes later may find a connection that is just being closed.
        if (status === null && (startedAtMs > killedAtMs || victims.includes("tsfnd"))) continue;
        if (status !== 200) t.regex(text, honest, `round ${round}, ${path}: ${status}`);
      }
      await server.ended();
      if (victims.includes("guardian")) await until("nobody runs", () => !pids.some(isAlive));
      else t.deepEqual(remaining(pids), [], `round ${round}`);
      t.false([guardianPid, wardenPid, pid].some(isAlive), `round ${round}`);

      await server.start();
      t.deepEqual(sandboxCgroups(server.dataDir), [], `round ${round}`);
      for (const name of ["hello", "sleep?ms=1", "by-function", "by-runtime"])
        t.is((await server.fetch(`/function/${name}`)).status, 200, `round ${round}, ${name}`);
    }
  });
}

test.serial("what was acknowledged is there after kill -9 of all of them", async (t) => {
  const server = await startServer(t);
  for (const greeting of ["one", "two", "three"]) {
    await server.deploy(example("hello"), "-e", `GREETING=${greeting}`);
    server.kill9("guardian", "warden", "tsfnd");
    await server.start();
    t.deepEqual(await (await server.fetch("/function/hello")).json(), { message: `${greeting}, world!` });
  }
});

/** A sentence on each that is still there, if only as a zombie. */
function remaining(pids: readonly number[]): string[] {
  return pids
    .filter((pid) => existsSync(`/proc/${pid}`))
    .map((pid) => {
      const { state, uid, parent, name, cgroups } = readProcess(pid) ?? {};
      return `${pid} ${name} (${state}) of uid ${uid}, child of ${parent}, in ${cgroups}`;
    });
}
