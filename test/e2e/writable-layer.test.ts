// The writable layer: whatever functions/scribble does to it, the next invocation finds what the very first one found,
// though a warm process answers both; with `reuse: "never"` the same holds for the process itself.

import { cpSync, readdirSync, statfsSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { example, functionDirectory, functionOf, writeSource } from "../support/function-directory.ts";
import { type Server, startServer } from "../support/server.ts";

const calls = 1_000;

/** Every way to scribble, and places to do it. */
const scribbles = [
  "how=files",
  "how=files&files=40&dir=/app/many",
  "how=files&dir=/dev/shm/shared",
  "how=deep&files=60",
  "how=erase",
  "how=rename",
  "how=replace",
  "how=links",
  "how=attributes&dir=/app",
  "how=vanish&files=5",
  "how=hold",
  "how=hold&dir=/app/held",
];

/** Says what is in every directory that a function may write to, and only then lets scribble scribble. */
const inventory = `
import { createHash } from "node:crypto";
import { accessSync, constants, lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { ExportedHandler } from "tsfn";
import scribble from "./scribble.ts";

let served = 0;

export default {
  async fetch(request, env, ctx) {
    served += 1;
    const before = { cwd: process.cwd(), files: roots().flatMap(walk).sort() };
    const response = await scribble.fetch(request, env, ctx);
    return Response.json({ ...before, instance: process.env.TSFN_INSTANCE_ID, served, status: response.status, scribbled: await response.json() });
  },
} satisfies ExportedHandler;

function roots(): string[] {
  const candidates = ["/", ...readdirSync("/").map((name) => "/" + name), "/dev/shm", "/home/function", "/var/tmp", "/run/lock"];
  return candidates.filter((path) => !["/proc", "/dev"].includes(path) && isWritable(path));
}

function isWritable(path: string): boolean {
  try { accessSync(path, constants.W_OK); return lstatSync(path).isDirectory(); } catch { return false; }
}

function walk(path: string): string[] {
  const { mode, size, uid } = lstatSync(path);
  const line = [path, mode.toString(8), uid].join(" ");
  if ((mode & 0o170000) === 0o120000) return [line + " -> " + readlinkSync(path)];
  if ((mode & 0o170000) === 0o100000) return [line + " " + size + " " + createHash("sha256").update(readFileSync(path)).digest("hex")];
  return (mode & 0o170000) === 0o040000 ? [line, ...readdirSync(path).flatMap((name) => walk(join(path, name)))] : [line];
}
`;

interface Answer {
  readonly cwd: string;
  readonly files: readonly string[];
  readonly instance: string;
  readonly served: number;
  readonly status: number;
  readonly scribbled: { readonly error?: string };
}

type Owner = Parameters<typeof functionDirectory>[0];

function scribbler(t: Owner, manifest: Readonly<Record<string, unknown>>): string {
  const directory = functionDirectory(t, { "tsfn.json": JSON.stringify({ name: "scribbler", ...manifest }) });
  cpSync(join(example("scribble"), "index.ts"), join(directory, "scribble.ts"));
  cpSync(join(example("scribble"), "paper.txt"), join(directory, "paper.txt"));
  writeSource(directory, "index.ts", inventory);
  return directory;
}

async function callScribbler(server: Server, query: string): Promise<Answer> {
  const response = await server.fetch(`/function/scribbler?${query}`);
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${query} was answered ${response.status} ${text}`);
  return JSON.parse(text) as Answer;
}

test.serial(`${calls} calls of one warm process: none sees what another wrote, erased, renamed or holds`, async (t) => {
  const server = await startServer(t);
  await server.deploy(scribbler(t, { scaling: { max: 1 } }));
  const first = await callScribbler(server, "files=0&dir=/tmp/first");
  t.true(first.files.some((line) => line.startsWith("/app/paper.txt ")));
  const instances = new Set([first.instance]);
  for (let index = 0; index < calls; index += 1) {
    const query = scribbles[index % scribbles.length] ?? "";
    const answer = await callScribbler(server, query);
    instances.add(answer.instance);
    if (answer.status !== 200) t.fail(`call ${index}, ${query}: ${answer.scribbled.error}`);
    const seen = { cwd: answer.cwd, files: answer.files };
    const before = index === 0 ? "nothing" : scribbles[(index - 1) % scribbles.length];
    if (!t.deepEqual(seen, { cwd: "/app", files: first.files }, `call ${index}, after ${before}`)) return;
  }
  t.is(instances.size, 1, "one process served them all");
});

test.serial("callers of several instances at the same time never meet one another's files", async (t) => {
  const server = await startServer(t);
  await server.deploy(scribbler(t, {}));
  const first = await callScribbler(server, "files=0&dir=/tmp/first");
  const caller = async (offset: number): Promise<Answer[]> => {
    const answers: Answer[] = [];
    for (let index = 0; index < 30; index += 1)
      answers.push(await callScribbler(server, scribbles[(index + offset) % scribbles.length] ?? ""));
    return answers;
  };
  const answers = (await Promise.all(Array.from({ length: 8 }, (_, offset) => caller(offset)))).flat();
  t.is(answers.length, 240);
  for (const { files, cwd, status, scribbled } of answers) {
    t.is(status, 200, scribbled.error);
    if (!t.deepEqual({ files, cwd }, { files: first.files, cwd: "/app" })) return;
  }
});

test.serial("a full writable layer is ENOSPC inside, nothing outside, and gone for the next call", async (t) => {
  const server = await startServer(t);
  await server.deploy(scribbler(t, { limits: { disk: "8mb", memory: "256mb" }, scaling: { max: 1 } }));
  const first = await callScribbler(server, "files=0&dir=/tmp/first");
  const outside = () => {
    const { bfree, bsize } = statfsSync(server.dataDir);
    return { freeMib: Math.round((bfree * bsize) / 2 ** 20), layers: readdirSync(join(server.dataDir, "layers")) };
  };
  const before = outside();
  for (const query of ["files=20&bytes=1000000", "files=1&bytes=9000000", "files=100000&bytes=0"]) {
    for (let again = 0; again < 3; again += 1) {
      const full = await callScribbler(server, query);
      t.is(full.status, 507, query);
      t.is(full.scribbled.error, "ENOSPC", query);
      t.deepEqual(full.files, first.files, query);
    }
  }
  t.is((await callScribbler(server, "files=3&bytes=1000000")).status, 200);
  const after = outside();
  t.deepEqual(after.layers, before.layers);
  t.true(before.freeMib - after.freeMib < 8, `${before.freeMib} MiB were free, now ${after.freeMib}`);
});

/** Leaves its mark wherever a process can carry one, having said which marks it found. */
const vandal = `
const marks: Record<string, () => unknown> = {
  module: () => served,
  global: () => Reflect.get(globalThis, "mark"),
  prototype: () => Reflect.get(Array.prototype, "mark"),
  builtin: () => Reflect.get(JSON, "mark"),
  require: () => Reflect.get(process, "mark"),
  env: () => process.env.MARK,
  handler: () => process.listenerCount("SIGUSR2") + process.listenerCount("uncaughtException") - usual,
  umask: () => process.umask() === 0o022 ? undefined : process.umask(),
  title: () => process.title === "marked" ? "marked" : undefined,
  timer: () => ticks,
};
let served = 0;
let ticks = 0;
const usual = process.listenerCount("SIGUSR2") + process.listenerCount("uncaughtException");
`;
const vandalBody = `
  const found = Object.fromEntries(Object.entries(marks).map(([name, look]) => [name, look() ?? null]));
  served += 1;
  Reflect.set(globalThis, "mark", 1);
  Reflect.set(Array.prototype, "mark", 1);
  Reflect.set(JSON, "mark", 1);
  Reflect.set(process, "mark", 1);
  process.env.MARK = "1";
  process.on("SIGUSR2", () => {});
  process.umask(0o077);
  process.title = "marked";
  await new Promise<void>((resolve) => { setInterval(() => { ticks += 1; resolve(); }, 1); });
  return Response.json({ found, cwd: process.cwd(), secret: process.env.SECRET });
`;

for (const prefork of ["function", "runtime"] as const) {
  test.serial(`reuse: "never" with prefork "${prefork}": no call meets the process of another`, async (t) => {
    const server = await startServer(t);
    const manifest = { name: "vandal", reuse: "never", prefork, env: { SECRET: "mine" } };
    await server.deploy(functionOf(t, manifest, vandalBody, vandal));
    const untouched = {
      ...{ module: 0, global: null, prototype: null, builtin: null, require: null, env: null },
      ...{ handler: 0, umask: null, title: null, timer: 0 },
    };
    const caller = async (): Promise<unknown[]> => {
      const answers: unknown[] = [];
      for (let index = 0; index < 50; index += 1) {
        const response = await server.fetch("/function/vandal");
        answers.push(response.status === 200 ? await response.json() : `${response.status} ${await response.text()}`);
      }
      return answers;
    };
    const answers = (await Promise.all([caller(), caller(), caller(), caller()])).flat();
    t.is(answers.length, 200);
    for (const answer of answers) if (!t.deepEqual(answer, { found: untouched, cwd: "/app", secret: "mine" })) return;
  });
}
