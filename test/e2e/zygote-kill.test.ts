// kill -9 in the middle of forks, under load: of a zygote, of a clone that has hardly begun. Every caller gets an
// answer, the function goes on, and in the end nothing is left. The server's own processes: kill9.test.ts.

import test from "ava";
import { functionOf } from "../support/function-directory.ts";
import { type ProcessKind, processesOf } from "../support/kinds.ts";
import { honest, type Load, startLoad } from "../support/load.ts";
import { isAlive } from "../support/processes.ts";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/until.ts";

const rounds = 10;

type Owner = Parameters<typeof functionOf>[0];

/** Each call is a fork, because no process serves twice. */
async function startForking(t: Owner): Promise<Server> {
  const server = await startServer(t);
  for (const prefork of ["function", "runtime"]) {
    const manifest = { name: `by-${prefork}`, prefork, reuse: "never" };
    await server.deploy(functionOf(t, manifest, `return new Response(new URL(request.url).search);`));
  }
  return server;
}

const paths = [0, 1, 2].flatMap(() => ["/function/by-function", "/function/by-runtime"]);

/** The youngest has the best chance to be in the middle of something. */
function youngest(kind: ProcessKind, server: Server): number | undefined {
  return processesOf(kind, server.info())
    .map(({ pid }) => pid)
    .sort((a, b) => b - a)[0];
}

test.serial("kill -9 of a zygote under load: no caller notices", async (t) => {
  const server = await startForking(t);
  for (let round = 0; round < rounds; round += 1) {
    const load = startLoad(server, paths);
    await until("calls are answered", () => load.answered() > 20);
    const zygotes = processesOf("zygote", server.info());
    t.true(zygotes.length >= 1, `round ${round}`);
    for (const { pid } of zygotes) kill(pid);
    const answered = load.answered();
    await until("calls are answered again", () => load.answered() > answered + 20);
    await load.stop();
    const refused = load.outcomes.filter(({ status }) => status !== 200);
    t.deepEqual(refused, [], `round ${round}`);
    t.deepEqual(misled(load), [], `round ${round}`);
    await until("the dead are gone", () => zygotes.every(({ pid }) => !isAlive(pid)));
  }
});

test.serial("kill -9 of clones while they start: every caller gets an answer, and most a good one", async (t) => {
  const server = await startForking(t);
  const load = startLoad(server, paths);
  let killed = 0;
  await until("calls are answered", () => load.answered() > 20);
  while (killed < rounds * 10) {
    const pid = youngest("instance", server);
    if (pid !== undefined && kill(pid)) killed += 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
  const answered = load.answered();
  await until("calls are answered again", () => load.answered() > answered + 20);
  await load.stop();
  for (const { status, text } of load.outcomes) if (status !== 200) t.regex(text, honest);
  t.deepEqual(misled(load), []);
  for (const prefork of ["function", "runtime"])
    t.is(
      await until("it starts again", async () => {
        const response = await server.fetch(`/function/by-${prefork}?last`);
        return response.status === 200 && response.text();
      }),
      "?last",
    );
});

/** Answers to what somebody else asked. */
function misled({ outcomes }: Load): unknown[] {
  return outcomes.filter(({ path, status, text }) => status === 200 && !path.endsWith(text));
}

/** False when it has ended by itself. */
function kill(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}
