// Scenarios run unattended: one that cannot be measured is an error beside the others' results, one that takes too long is
// ended, and neither leaves anything behind.

import { spawnSync } from "node:child_process";
import { readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { readResult } from "../../bench/report/result.ts";
import { runScenario } from "../../bench/run-scenario.ts";
import { root } from "../architecture/tree.ts";
import { passableDirectory } from "../support/function-directory.ts";
import { listProcesses } from "../support/processes.ts";
import { until } from "../support/until.ts";

test.serial("what one scenario lacks does not lose what another found", (t) => {
  const [results, place] = [passableDirectory(t), passableDirectory(t)];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, "bench/run.ts"), "warm", "reset", "--repeat", "1", "--results", results],
    { encoding: "utf8", timeout: 180_000, env: { ...process.env, PATH: pathWithout(t, "nginx"), TMPDIR: place } },
  );
  t.is(status, 1, stderr);
  const [name = ""] = readdirSync(results);
  const { scenarios } = readResult(join(results, name));
  const [warm, reset] = scenarios;
  t.regex(warm?.error ?? "", /cannot start nginx; run bench\/setup/);
  t.true((reset?.report?.subjects.length ?? 0) > 0, reset?.error);
  t.regex(stdout, /^failed warm: .*cannot start nginx/m);
  t.deepEqual(leftIn(place), []);
});

test.serial("a scenario that takes too long is ended with its server", async (t) => {
  const place = usePlace(t);
  const { signal } = new AbortController();
  const outcome = await runScenario("soak", { rounds: 1_000_000, quick: false, limitS: 5, signal });
  t.regex(outcome.error ?? "", /^did not end in 5 s: interrupted by SIGTERM$/);
  t.is(outcome.report, undefined);
  t.deepEqual(leftIn(place), []);
});

test.serial("an interrupted scenario says so and ends with its server", async (t) => {
  const place = usePlace(t);
  const interruption = new AbortController();
  const running = runScenario("soak", { rounds: 1_000_000, quick: false, limitS: 300, signal: interruption.signal });
  setTimeout(() => interruption.abort(), 3_000);
  t.regex((await running).error ?? "", /^interrupted: /);
  t.deepEqual(leftIn(place), []);
});

test.serial("bare nodes that are starting when it is interrupted end with it", async (t) => {
  const place = usePlace(t);
  const interruption = new AbortController();
  const running = runScenario("burst", { rounds: 1, quick: true, limitS: 300, signal: interruption.signal });
  const isNode = ({ commandLine }: { readonly commandLine: string }) =>
    commandLine.includes(place) && commandLine.includes("server.mjs");
  await until("bare nodes run", () => listProcesses().some(isNode), 120_000);
  interruption.abort();
  t.regex((await running).error ?? "", /^interrupted: interrupted by SIGTERM$/);
  t.deepEqual(leftIn(place), []);
});

/** Where the scenario puts what it makes. */
function usePlace(t: ExecutionContext): string {
  const place = passableDirectory(t);
  const { TMPDIR } = process.env;
  process.env.TMPDIR = place;
  t.teardown(() => {
    if (TMPDIR === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = TMPDIR;
  });
  return place;
}

/** Every program of PATH but one. */
function pathWithout(t: ExecutionContext, program: string): string {
  const directory = passableDirectory(t);
  const seen = new Set([program]);
  for (const folder of (process.env.PATH ?? "").split(":")) {
    for (const name of entries(folder)) {
      if (seen.has(name)) continue;
      seen.add(name);
      symlinkSync(join(folder, name), join(directory, name));
    }
  }
  return directory;
}

function entries(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Files of a scenario and processes that were started with them. */
function leftIn(place: string): string[] {
  const running = listProcesses().filter(({ commandLine, pid }) => commandLine.includes(place) && pid !== process.pid);
  return [...readdirSync(place), ...running.map(({ commandLine }) => commandLine)];
}
