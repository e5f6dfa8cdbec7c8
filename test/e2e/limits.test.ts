// Functions that want more than they may have: memory, time, processes, disk. Each ends in its own way and leaves its
// neighbours unharmed.

import test from "ava";
import type { ProblemDocument } from "../../runtime/errors.ts";
import { now } from "../../runtime/trace.ts";
import { example } from "../support/function-directory.ts";
import { type Server, startServer } from "../support/server.ts";

const problem = async (response: Response): Promise<ProblemDocument> => (await response.json()) as ProblemDocument;

const greets = async (server: Server): Promise<boolean> => (await server.fetch("/function/hello")).status === 200;

test.serial("a memory hog is 502 FUNCTION_OOM, and the next call of the same function answers", async (t) => {
  const server = await startServer(t);
  await server.deploy(example("burn"));
  const hog = await server.fetch("/function/burn?mb=400");
  t.is(hog.status, 502);
  t.like(await problem(hog), { code: "FUNCTION_OOM", function: "burn", version: 1 });
  t.is((await server.fetch("/function/burn?mb=1")).status, 200);
});

test.serial("an endless loop is 504 FUNCTION_TIMEOUT, its process is gone, and the next call answers", async (t) => {
  const server = await startServer(t);
  await server.deploy(example("burn"));
  const startedAtMs = now();
  const loop = await server.fetch("/function/burn?loop=forever");
  t.log(`answered ${(now() - startedAtMs - 5_000).toFixed(0)} ms after the deadline of 5 s`);
  t.is(loop.status, 504);
  t.like(await problem(loop), { code: "FUNCTION_TIMEOUT", function: "burn", retryable: true });
  t.is((await server.fetch("/function/burn?cpu=1")).status, 200);
});

test.serial("a fork bomb stays inside its limit on processes while another function answers every call", async (t) => {
  const server = await startServer(t);
  await server.deploy(example("hello"));
  await server.deploy(example("burn"));
  let bombing = true;
  const bomb = server.fetch("/function/burn?fork=bomb").finally(() => {
    bombing = false;
  });
  let calls = 0;
  do {
    t.true(await greets(server));
    calls += 1;
  } while (bombing && calls < 2_000);
  const response = await bomb;
  if (response.status === 200) {
    const { forked } = (await response.json()) as { forked: number };
    t.true(forked >= 1 && forked < 48, `forked ${forked}`);
  } else {
    t.true([502, 504].includes(response.status), `status ${response.status}`);
  }
  t.true(await greets(server));
  t.is((await server.fetch("/function/burn?cpu=1")).status, 200);
});

test.serial("a full writable layer is the function's own problem", async (t) => {
  const server = await startServer(t);
  await server.deploy(example("scribble"));
  const full = await server.fetch("/function/scribble?files=40&bytes=1048576");
  t.is(full.status, 507);
  t.like(await full.json(), { error: "ENOSPC" });
});

test.serial("every way to crash has its status, and the function answers afterwards", async (t) => {
  const server = await startServer(t);
  await server.deploy(example("crash"));
  const expected = new Map([
    ["throw", [500, "FUNCTION_ERROR"]],
    ["reject", [500, "FUNCTION_ERROR"]],
    ["exit0", [502, "FUNCTION_CRASHED"]],
    ["exit1", [502, "FUNCTION_CRASHED"]],
    ["segv", [502, "FUNCTION_CRASHED"]],
    ["abort", [502, "FUNCTION_CRASHED"]],
    ["uncaught", [502, "FUNCTION_CRASHED"]],
    ["unhandled", [502, "FUNCTION_CRASHED"]],
  ]);
  for (const [how, [status, code]] of expected) {
    const response = await server.fetch(`/function/crash?how=${how}`);
    const document = await problem(response);
    t.deepEqual([how, response.status, document.code], [how, status, code]);
    t.false(JSON.stringify(document).includes("index.ts"), "the stack is not shown to the client");
    t.is((await server.fetch("/function/crash")).status, 200, `after ${how}`);
  }
  const { stdout } = await server.cli(["logs", "crash"]);
  t.regex(stdout, /thrown on request[\s\S]*index\.ts:\d+/, "the mapped stack is in the logs");
});
