// Text for people: what strangers wrote cannot drive the reader's terminal, tables are aligned, errors are blocks.

import test from "ava";
import fc from "fast-check";
import { formatLiveRecord, formatRecord } from "../../gateway/cli/log-line.ts";
import { errorBlock, parseErrorBlock } from "../../gateway/cli/report-error.ts";
import { fields, formatAge, formatBytes, formatMs, neutralise, table } from "../../gateway/cli/terminal.ts";
import { catalogue, type ErrorCode, TsfnError } from "../../runtime/errors.ts";
import type { LogRecord } from "../../runtime/logs/index.ts";

const codes = Object.keys(catalogue) as ErrorCode[];

// biome-ignore lint/suspicious/noControlCharactersInRegex: none may be left
const dangerous = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

test("escapes are shown, not obeyed", (t) => {
  t.is(neutralise("\u001b[2Jgone\u0007"), "\\x1b[2Jgone\\x07");
  t.is(neutralise("back\b\rwards"), "back\\x08\\x0dwards");
  t.is(neutralise("\u009b31mred"), "\\x9b31mred");
  t.is(neutralise("\u202eesrever"), "\\u202eesrever");
  t.is(neutralise("tab\tand ünïcödé 💡\n"), "tab\tand ünïcödé 💡\n");
});

test("no text leaves a character that drives a terminal", (t) => {
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      t.notRegex(neutralise(text), dangerous);
    }),
  );
  t.pass();
});

const record = (part: Partial<LogRecord>): LogRecord => ({
  ts: "2026-11-20T12:00:00.000Z",
  seq: 1,
  level: "info",
  stream: "stdout",
  function: "hello",
  version: 2,
  instance: "i-1",
  msg: "",
  ...part,
});

test("a log line is one line, whatever the function wrote", (t) => {
  const forged = record({
    msg: "\u001b[1A\u001b[2K\nfake line",
    data: { "a\u001b[0m": "b\u001b]0;title\u0007\nmore" },
  });
  for (const line of [formatRecord(forged, process.stdout), formatLiveRecord(forged, process.stdout)]) {
    t.false(line.includes("\n"));
    t.notRegex(line, dangerous);
  }
});

test("a log line has time, level, stream and message, and the fields of a structured one", (t) => {
  const line = formatRecord(record({ msg: "greeted", level: "warn", data: { name: "you", count: 3 } }), process.stdout);
  t.is(line, "2026-11-20T12:00:00.000Z warn  stdout   greeted name=you count=3");
});

test("columns are aligned, and a cell cannot break out of its row", (t) => {
  const lines = table(
    [
      { title: "NAME", value: (row: { name: string; n: number }) => row.name },
      { title: "N", value: ({ n }) => String(n), align: "right" },
    ],
    [
      { name: "a", n: 1 },
      { name: "long\nname", n: 100 },
    ],
  );
  t.deepEqual(lines, ["NAME         N", "a            1", "long name  100"]);
  t.deepEqual(
    fields([
      ["a", "1"],
      ["long", "\u001b2"],
    ]),
    ["a     1", "long  \\x1b2"],
  );
});

test("an error with one reason is a block of four lines, for every code", (t) => {
  for (const code of codes) {
    const block = errorBlock(new TsfnError(code, "something was 1; wanted 2"));
    t.is(block.length, 4, code);
    t.true(
      block.every((line) => !line.includes("\n") && line.length > 7),
      code,
    );
    t.is(
      errorBlock(new TsfnError(code, "x", { problems: [{ message: "m", file: "f", line: 1, column: 2 }] })).length,
      4,
    );
  }
});

test("every problem of a manifest has its line, with its place", (t) => {
  const problems = [
    { message: "unknown field", file: "tsfn.json", line: 3, column: 5, hint: "did you mean limits?" },
    { message: "is 0; wanted 1 to 1000", file: "tsfn.json", line: 4, column: 18 },
  ];
  const block = errorBlock(new TsfnError("MANIFEST_INVALID", "2 problems", { problems }));
  t.deepEqual(block.slice(1, 3), [
    "  tsfn.json:3:5 unknown field (did you mean limits?)",
    "  tsfn.json:4:18 is 0; wanted 1 to 1000",
  ]);
});

test("a block that another process printed becomes the same error again", (t) => {
  for (const code of codes) {
    const error = new TsfnError(code, "first line\nsecond line\n  third", { hint: "do this" });
    const read = parseErrorBlock(`{"noise":1}\n${errorBlock(error).join("\n")}\n`);
    t.is(read?.code, code);
    t.is(read?.message, error.message);
    t.is(read?.hint, "do this");
  }
  t.is(parseErrorBlock("warden: no such thing\n"), null);
});

test("an error's text cannot drive the terminal either", (t) => {
  const block = errorBlock(new TsfnError("LOAD_FAILED", "Error: \u001b[31mred\u001b[0m")).join("\n");
  t.notRegex(block, dangerous);
});

test("quantities are written with the unit that fits", (t) => {
  t.deepEqual([0, 1023, 1536, 200 * 2 ** 20, 5 * 2 ** 40].map(formatBytes), [
    "0 B",
    "1023 B",
    "1.5 KiB",
    "200 MiB",
    "5120 GiB",
  ]);
  t.deepEqual([1.25, 48.4, 12_345].map(formatMs), ["1.3 ms", "48 ms", "12.3 s"]);
  t.deepEqual([-5, 59_000, 61_000, 7_200_000, 9e8].map(formatAge), ["0s", "59s", "1m", "2h", "10d"]);
});
