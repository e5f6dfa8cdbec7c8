// What a function threw, as text: everything that its author needs to find out why, whatever it was.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "ava";
import { failureOf } from "../../runtime/guest/failure.ts";

/** Its lines but for those that say where. */
const told = (thrown: unknown) =>
  failureOf(thrown)
    .stack.split("\n")
    .filter((line) => !/^\s+at /.test(line));

test("every cause is told, down to the first", (t) => {
  const refused = new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") });
  t.deepEqual(told(new Error("no user", { cause: new Error("no database", { cause: refused }) })), [
    "Error: no user",
    "Caused by: Error: no database",
    "Caused by: TypeError: fetch failed",
    "Caused by: Error: connect ECONNREFUSED",
  ]);
  t.deepEqual(told(new Error("of a text", { cause: "text" })), ["Error: of a text", 'Caused by: "text"']);
});

test("of an error that stands for several, each is told", async (t) => {
  const failing = [Promise.reject(new Error("one", { cause: 1 })), Promise.reject(new TypeError("two"))];
  const error = await Promise.any(failing).catch((thrown: unknown) => thrown);
  t.deepEqual(told(new Error("all", { cause: error })), [
    "Error: all",
    "Caused by: AggregateError: All promises were rejected",
    "One of several: Error: one",
    "Caused by: 1",
    "One of several: TypeError: two",
  ]);
  const many = Array.from({ length: 1_000 }, (_, at) => new Error(`${at}`));
  t.deepEqual(told(new AggregateError(many, "many")).slice(-2), ["One of several: Error: 9", "990 more"]);
});

test("a circle of causes is told once", (t) => {
  const error = new Error("a");
  error.cause = new Error("b", { cause: error });
  t.deepEqual(told(error), ["Error: a", "Caused by: Error: b"]);
});

test("an object that is no error is told with what is in it", (t) => {
  t.is(
    failureOf({ status: 404, at: { path: "/x" } }).message,
    "a value that is no Error: { status: 404, at: { path: '/x' } }",
  );
  t.is(failureOf("text").message, 'a value that is no Error: "text"');
  t.is(failureOf(undefined).message, "a value that is no Error: undefined");
});

test("what cannot be looked at is told as that, and is no failure of who looks", (t) => {
  const no = () => {
    throw new Error("no");
  };
  const hostile = Object.defineProperty(new Error("hostile"), "stack", { get: no });
  for (const thrown of [hostile, new Proxy({}, { get: no, has: no }), new Error("x", { cause: hostile })]) {
    t.regex(failureOf(thrown).message, /^a value that cannot be looked at: no$/);
  }
});

test.serial("a function may take its working directory away", (t) => {
  const before = process.cwd();
  const directory = mkdtempSync(join(tmpdir(), "tsfn-failure-"));
  process.chdir(directory);
  rmSync(directory, { recursive: true });
  try {
    t.is(failureOf(new Error("after all")).message, "after all");
  } finally {
    process.chdir(before);
  }
});
