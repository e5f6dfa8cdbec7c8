// The worker thread that carries what functions send: it may die, and what was its own is told so, and another one comes.

import { openSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { openEgress } from "../../runtime/egress/index.ts";
import { temporaryDirectory } from "../support/function-directory.ts";
import { until } from "../support/until.ts";

const grant = (id: string, descriptor: number, lost: () => void = () => {}) => ({
  id,
  functionName: "tested",
  network: "internet" as const,
  sockets: { connections: descriptor, names: descriptor, nameStreams: descriptor },
  notice: () => {},
  lost,
});

function linkOf(fd: string): string | null {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    // Of the directory that was being read.
    return null;
  }
}

test("a worker that dies loses what it had, says why, and is replaced", async (t) => {
  const [faults, lost] = [[] as Error[], [] as string[]];
  const egress = openEgress({ openFiles: 1_000, fault: (error) => faults.push(error) });
  // No descriptor at all, which the warden never sends.
  for (const id of ["a", "b"]) egress.reserve().open(grant(id, -1, () => lost.push(id)));
  await until("both are told", () => lost.length === 2);
  t.true(faults.length >= 1);
  await egress.close("a");
  egress.reserve().open(grant("c", -1, () => lost.push("c")));
  await until("the next one, too", () => lost.length === 3);
});

test("what a worker that died had not taken yet is closed in its place", async (t) => {
  const path = join(temporaryDirectory(t), "held");
  writeFileSync(path, "");
  const held = () => readdirSync("/proc/self/fd").filter((fd) => linkOf(fd) === path).length;
  const egress = openEgress({ openFiles: 1_000, fault: () => {} });
  const lost: string[] = [];
  // The first kills it before it gets to the second.
  egress.reserve().open(grant("a", -1, () => lost.push("a")));
  const [connections, names, nameStreams] = [openSync(path, "r"), openSync(path, "r"), openSync(path, "r")];
  egress.reserve().open({ ...grant("b", -1, () => lost.push("b")), sockets: { connections, names, nameStreams } });
  t.is(held(), 3);
  await until("both are told", () => lost.length === 2);
  t.is(held(), 0);
});

test("what was never opened is closed at once", async (t) => {
  const egress = openEgress({ openFiles: 1_000, fault: (error) => t.fail(error.message) });
  await egress.close("nobody");
  t.pass();
});

const full = { code: "NO_CAPACITY", message: /^2 instances with a network are all/ };

test("there is room for as many sandboxes as descriptors allow, counted from when it is reserved", async (t) => {
  const egress = openEgress({ openFiles: 60, fault: () => {} });
  const [first, second] = [egress.reserve(), egress.reserve()];
  t.throws(() => egress.reserve(), full);
  first.release();
  first.release();
  const third = egress.reserve();
  t.throws(() => egress.reserve(), full);
  second.open(grant("a", -1));
  second.release();
  t.throws(() => egress.reserve(), full);
  third.release();
  egress.reserve().open(grant("b", -1));
  t.throws(() => egress.reserve(), full);
  await Promise.all([egress.close("a"), egress.close("b")]);
  t.notThrows(() => egress.reserve());
});
