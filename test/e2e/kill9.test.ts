// kill -9 of tsfnd and of the warden under load: what is left behind ends by itself or at the next start, before the
// server listens again, and every function answers.

import test from "ava";
import { sandboxCgroups } from "../support/cgroups.ts";
import { example } from "../support/function-directory.ts";
import { isAlive, processTree } from "../support/processes.ts";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/until.ts";

const rounds = 20;

test.serial(
  "20 times kill -9 of tsfnd, of the warden, or of both: a restart finds nothing left and functions answer",
  async (t) => {
    // None made ahead: the server that is started again would have its own.
    const server = await startServer(t, { flags: ["--sandboxes-ready", "0"] });
    await server.deploy(example("hello"));
    await server.deploy(example("sleep"));
    for (let round = 0; round < rounds; round += 1) {
      const load = startLoad(server);
      await until("the load has reached the functions", () => load.answered() > 10);
      const pids = processTree(server.info().wardenPid).map(({ pid }) => pid);
      const victims = (["tsfnd", "warden"] as const).filter(
        (which) => round % 3 === 2 || (round % 3 === 0) === (which === "tsfnd"),
      );
      server.kill9(...victims);
      await load.stop();
      await until(
        "tsfnd and the warden are gone",
        () => !isAlive(server.info().pid) && !isAlive(server.info().wardenPid),
      );
      await server.start();
      const title = `round ${round}, kill -9 of ${victims.join(" and ")}`;
      // The first process of a zygote's sandbox waits, dying, until the machine's first process has reaped the others.
      await until(`${title} leaves nobody`, () => !pids.some(isAlive));
      t.deepEqual(sandboxCgroups(server.dataDir), [], title);
      t.is((await server.fetch("/function/hello")).status, 200, `round ${round}`);
      t.is((await server.fetch("/function/sleep?ms=1")).status, 200, `round ${round}`);
    }
  },
);

test.serial("what was acknowledged is there after kill -9 of both", async (t) => {
  const server = await startServer(t);
  for (const greeting of ["one", "two", "three"]) {
    await server.deploy(example("hello"), "-e", `GREETING=${greeting}`);
    server.kill9("tsfnd", "warden");
    await server.start();
    t.deepEqual(await (await server.fetch("/function/hello")).json(), { message: `${greeting}, world!` });
  }
});

interface Load {
  answered(): number;
  stop(): Promise<void>;
}

/** Eight callers; what they get while the server dies does not matter here. */
function startLoad(server: Server): Load {
  let running = true;
  let answered = 0;
  const caller = async (index: number): Promise<void> => {
    while (running) {
      const path = index % 2 === 0 ? "/function/hello" : "/function/sleep?ms=20";
      const status = await server
        .fetch(path)
        .then(async (response) => {
          await response.arrayBuffer();
          return response.status;
        })
        .catch(() => undefined);
      if (status === undefined) return;
      if (status === 200) answered += 1;
    }
  };
  const callers = Array.from({ length: 8 }, (_, index) => caller(index));
  return {
    answered: () => answered,
    async stop() {
      running = false;
      await Promise.all(callers);
    },
  };
}
