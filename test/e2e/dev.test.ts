// `tsfn dev`: serves a directory, serves what was saved, keeps the old version when the new one is broken, and leaves
// nothing behind after Ctrl-C.

import { once } from "node:events";
import { chmodSync, cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { now } from "../../runtime/trace.ts";
import { spawnCommand } from "../support/command.ts";
import { example, passableDirectory } from "../support/function-directory.ts";
import { createLeakAudit, type LeakAudit } from "../support/leak-audit.ts";
import { isAlive, processTree } from "../support/processes.ts";
import { until } from "../support/until.ts";

interface Dev {
  readonly url: string;
  readonly source: string;
  /** What it has printed so far, both streams. */
  output(): string;
  save(edit: (source: string) => string): void;
  /** What a terminal does on Ctrl-C: SIGINT to the whole foreground group. */
  interrupt(): Promise<number | null>;
  /** Its exit code, once it has one. */
  readonly ended: Promise<number | null>;
  assertNothingLeft(): Promise<void>;
}

async function startDev(t: ExecutionContext): Promise<Dev> {
  const base = passableDirectory(t);
  const temporary = join(base, "tmp");
  cpSync(example("hello"), join(base, "hello"), { recursive: true });
  cpSync(example("hello"), temporary, { recursive: true, filter: (path) => path === example("hello") });
  chmodSync(temporary, 0o711);
  const child = spawnCommand(["dev", join(base, "hello"), "-p", "0"], { env: { TMPDIR: temporary } });
  const ended = once(child, "exit").then(([code]) => code as number | null);
  let output = "";
  const collect = (piece: Buffer): void => {
    output += piece.toString();
  };
  child.stdout?.on("data", collect);
  child.stderr?.on("data", collect);
  const group = -(child.pid ?? 0);
  t.teardown(() => {
    if (child.exitCode === null && child.signalCode === null) process.kill(group, "SIGTERM");
    return ended;
  });

  const url = await until("dev prints a URL", () => {
    if (child.exitCode !== null) throw new Error(`tsfn dev exited with ${child.exitCode}\n${output}`);
    return /http:\/\/\S+\/function\/hello/.exec(output)?.[0];
  });
  const pids = processTree(child.pid ?? 0).map(({ pid }) => pid);
  const audits: LeakAudit[] = readdirSync(temporary).flatMap((name) =>
    [join(temporary, name), join(temporary, name, "data")].map((directory) => createLeakAudit(directory)),
  );
  for (const audit of audits) {
    audit.observe(child.pid ?? 0);
    audit.leftToInit(); // esbuild's process, which ends when it sees that the command has ended
  }
  const source = join(base, "hello/index.ts");
  return {
    url,
    source,
    output: () => output,
    ended,
    save: (edit) => writeFileSync(source, edit(readFileSync(source, "utf8"))),
    interrupt() {
      process.kill(group, "SIGINT");
      return ended;
    },
    async assertNothingLeft() {
      // esbuild's process may see a moment later than we do that the command has ended.
      await until("all its processes are gone", () => !pids.some(isAlive));
      for (const audit of audits) audit.assertClean();
      t.deepEqual(readdirSync(temporary), [], "temporary files");
    },
  };
}

const message = async (url: string): Promise<string> =>
  ((await (await fetch(url)).json()) as { message: string }).message;

test.serial("dev prints a URL that answers, and Ctrl-C leaves nothing behind", async (t) => {
  const dev = await startDev(t);
  t.is(await message(dev.url), "Hello, world!");
  t.is(await dev.interrupt(), 130);
  await dev.assertNothingLeft();
});

test.serial("what is saved is served, without an answer from neither version in between", async (t) => {
  const dev = await startDev(t);
  t.is(await message(dev.url), "Hello, world!");
  dev.save((source) => source.replace("}!`", "}?`"));
  const seen = new Set<string>();
  const savedAtMs = now();
  while (!seen.has("Hello, world?")) seen.add(await message(dev.url));
  t.log(`served ${(now() - savedAtMs).toFixed(0)} ms after the save`);
  t.true([...seen].every((text) => text === "Hello, world!" || text === "Hello, world?"));
  await dev.interrupt();
  await dev.assertNothingLeft();
});

test.serial("a save that does not build is shown with its place, and the old version stays", async (t) => {
  const dev = await startDev(t);
  dev.save((source) => `${source}\nconst = broken;\n`);
  await until("the error is printed", () => /index\.ts:\d+/.test(dev.output()));
  t.is(await message(dev.url), "Hello, world!");
  dev.save((source) => source.replace("const = broken;", "").replace("}!`", "} again`"));
  await until("the mended version answers", async () => (await message(dev.url)) === "Hello, world again");
  t.pass();
});

test.serial("a save that throws while loading is shown with its mapped stack, and the old version stays", async (t) => {
  const dev = await startDev(t);
  dev.save((source) => `${source}\nthrow new Error("no such luck");\n`);
  await until("the stack is printed", () => /no such luck[\s\S]*index\.ts:\d+/.test(dev.output()));
  t.is(await message(dev.url), "Hello, world!");
});

test.serial(
  "a custom route answers from the save that adds it on, and goes along when the function is renamed",
  async (t) => {
    const dev = await startDev(t);
    const file = join(dev.source, "../tsfn.json");
    const { origin } = new URL(dev.url);
    const answer = async () => (await fetch(`${origin}/greet`)).status;
    writeFileSync(file, `{ "name": "hello", "routes": ["/greet"] }`);
    await until("the route answers", async () => (await answer()) === 200);
    t.true(dev.output().includes(`${origin}/greet\n`));
    writeFileSync(file, `{ "name": "hi", "routes": ["/greet"] }`);
    await until("the new name answers", async () => (await fetch(`${origin}/function/hi`)).status === 200);
    await until("the route answers again", async () => (await answer()) === 200);
    t.is((await fetch(dev.url)).status, 404);
  },
);

test.serial("dev is over when its terminal goes: SIGHUP leaves nothing behind", async (t) => {
  const dev = await startDev(t);
  const [pid] = processTree(process.pid).filter(({ commandLine }) => commandLine.includes(dev.source.slice(0, -9)));
  t.truthy(pid);
  process.kill(pid?.pid ?? 0, "SIGHUP");
  t.is(await dev.ended, 0);
  await dev.assertNothingLeft();
});
