// What a process prints beside its answers, over real pipes.

import { execFileSync } from "node:child_process";
import { closeSync, constants, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { InstanceLog } from "../../runtime/instance/instance-log.ts";
import { ProcessOutput } from "../../runtime/instance/process-output.ts";
import type { LogLine } from "../../runtime/logs/index.ts";
import { ProcessSocket } from "../../runtime/sandbox/process-socket.ts";
import { temporaryDirectory } from "../support/function-directory.ts";
import { until } from "../support/until.ts";

/** Descriptors of its writing end, and the stream of its reading end. */
function pipe(t: ExecutionContext) {
  const path = join(temporaryDirectory(t), "pipe");
  execFileSync("mkfifo", [path]);
  const stream = new ProcessSocket(openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), { writable: false });
  const writer = openSync(path, constants.O_WRONLY);
  t.teardown(() => {
    closeSync(writer);
    stream.destroy();
  });
  return { stream, write: (text: string) => writeSync(writer, text) };
}

function printing(t: ExecutionContext, isProgram: boolean) {
  const [stdout, stderr] = [pipe(t), pipe(t)];
  const lines: LogLine[] = [];
  const log = new InstanceLog({ function: "prints", number: 1 }, "prints-1", (line) => lines.push(line));
  const current = { requestId: "first" };
  const ends = { stdout: stdout.stream, stderr: stderr.stream };
  const output = new ProcessOutput(ends, log, () => current.requestId, isProgram);
  const texts = () => lines.map(({ requestId, stream, msg }) => [requestId, stream, msg].join(" "));
  return { stdout, stderr, output, current, texts };
}

test("what lies in the pipes when an invocation is over is its own", (t) => {
  const { stdout, stderr, output, current, texts } = printing(t, true);
  stdout.write("one\n");
  stderr.write("two\n");
  output.catchUp(0);
  current.requestId = "second";
  stdout.write("three\n");
  output.catchUp(0);
  t.deepEqual(texts(), ["first stdout one", "first stderr two", "second stdout three"]);
});

test("pipes are looked at after a long invocation, and after any of a process that has printed before", async (t) => {
  const { stdout, output, current, texts } = printing(t, false);
  output.catchUp(5);
  stdout.write("one\n");
  output.catchUp(0.1);
  t.deepEqual(texts(), []);
  await until("the event loop has read it", () => texts().length > 0);
  stdout.write("two\n");
  output.catchUp(0.1);
  current.requestId = "second";
  t.deepEqual(texts(), ["first stdout one", "first stdout two"]);
  const late = printing(t, false);
  late.stdout.write("one\n");
  late.output.catchUp(5);
  t.deepEqual(late.texts(), ["first stdout one"]);
});
