// kill -9 in the middle of forks, under load: of a zygote, of a clone that has hardly begun, of the warden. Every caller
// gets an answer, the function goes on, and in the end nothing is left.

import test from "ava";
import { functionOf } from "../support/function-directory.ts";
import { type ProcessKind, processesOf } from "../support/kinds.ts";
import { isAlive, processTree, readProcess } from "../support/processes.ts";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/until.ts";

const rounds = 10;
/** What a caller may hear of a process that died under its call; anything else is a fault of ours. */
const honest = /"code":"(?:FUNCTION_CRASHED|STARTUP_FAILED|NO_CAPACITY|SHUTTING_DOWN|WARDEN_LOST)"/;

interface Outcome {
  readonly status: number;
  readonly text: string;
}

interface Load {
  readonly outcomes: readonly Outcome[];
  /** Callers whose connection broke without an answer. */
  readonly broken: readonly unknown[];
  stop(): Promise<void>;
}

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

function startLoad(server: Server): Load {
  const outcomes: Outcome[] = [];
  const broken: unknown[] = [];
  let running = true;
  const caller = async (index: number): Promise<void> => {
    const path = `/function/by-${index % 2 === 0 ? "function" : "runtime"}`;
    for (let turn = 0; running; turn += 1) {
      const nonce = `?${index}-${turn}`;
      try {
        const response = await server.fetch(`${path}${nonce}`, { signal: AbortSignal.timeout(60_000) });
        const text = await response.text();
        outcomes.push({ status: response.status, text });
        if (response.status === 200 && text !== nonce) broken.push(`${nonce} got the answer ${text}`);
      } catch (error) {
        broken.push(error);
        return;
      }
    }
  };
  const callers = Array.from({ length: 6 }, (_, index) => caller(index));
  return {
    outcomes,
    broken,
    async stop() {
      running = false;
      await Promise.all(callers);
    },
  };
}

/** The youngest has the best chance to be in the middle of something. */
function youngest(kind: ProcessKind, server: Server): number | undefined {
  return processesOf(kind, server.info())
    .map(({ pid }) => pid)
    .sort((a, b) => b - a)[0];
}

test.serial("kill -9 of a zygote under load: no caller notices", async (t) => {
  const server = await startForking(t);
  for (let round = 0; round < rounds; round += 1) {
    const load = startLoad(server);
    await until("calls are answered", () => load.outcomes.length > 20);
    const zygotes = processesOf("zygote", server.info());
    t.true(zygotes.length >= 1, `round ${round}`);
    for (const { pid } of zygotes) kill(pid);
    const answered = load.outcomes.length;
    await until("calls are answered again", () => load.outcomes.length > answered + 20);
    await load.stop();
    t.deepEqual(load.broken, [], `round ${round}`);
    const refused = load.outcomes.filter(({ status }) => status !== 200);
    t.deepEqual(refused, [], `round ${round}`);
    await until("the dead are gone", () => zygotes.every(({ pid }) => !isAlive(pid)));
  }
});

test.serial("kill -9 of clones while they start: every caller gets an answer, and most a good one", async (t) => {
  const server = await startForking(t);
  const load = startLoad(server);
  let killed = 0;
  await until("calls are answered", () => load.outcomes.length > 20);
  while (killed < rounds * 10) {
    const pid = youngest("instance", server);
    if (pid !== undefined && kill(pid)) killed += 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
  const answered = load.outcomes.length;
  await until("calls are answered again", () => load.outcomes.length > answered + 20);
  await load.stop();
  t.deepEqual(load.broken, []);
  for (const { status, text } of load.outcomes) if (status !== 200) t.regex(text, honest);
  for (const prefork of ["function", "runtime"])
    t.is(
      await until("it starts again", async () => {
        const response = await server.fetch(`/function/by-${prefork}?last`);
        return response.status === 200 && response.text();
      }),
      "?last",
    );
});

test.serial("kill -9 of the warden in the middle of forks: a restart finds nothing left and forks again", async (t) => {
  const server = await startForking(t);
  for (let round = 0; round < rounds; round += 1) {
    const load = startLoad(server);
    await until("calls are answered", () => load.outcomes.length > 20);
    const pids = processTree(server.info().wardenPid).map(({ pid }) => pid);
    server.kill9("warden");
    await load.stop();
    for (const { status, text } of load.outcomes) if (status !== 200) t.regex(text, honest, `round ${round}`);
    await until("the server is gone", () => !isAlive(server.info().pid) && !isAlive(server.info().wardenPid));
    await server.start();
    // The first process of a zygote's sandbox waits, dying, until the machine's first process has reaped the others.
    const left = await until("all are reaped", () => survivors(pids).length === 0, 5_000).catch(() => survivors(pids));
    t.is(left, true, `round ${round}`);
    for (const prefork of ["function", "runtime"])
      t.is(await (await server.fetch(`/function/by-${prefork}?${round}`)).text(), `?${round}`);
  }
});

/** A sentence on each that still runs. */
function survivors(pids: readonly number[]): string[] {
  return pids.filter(isAlive).flatMap((pid) => {
    const { state, uid, parent, name, cgroups } = readProcess(pid) ?? {};
    return state === undefined ? [] : [`${pid} ${name} (${state}) of uid ${uid}, child of ${parent}, in ${cgroups}`];
  });
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
