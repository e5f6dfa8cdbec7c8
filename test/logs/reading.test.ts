// What reading a log costs: a few records are found from the end of its files, however much is in them, and nobody waits
// while much is read. What is found is what reading everything would have found.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import test, { type ExecutionContext } from "ava";
import {
  defaultLogLimits,
  type LogFilter,
  type LogLine,
  type LogRecord,
  openLogStore,
} from "../../runtime/logs/index.ts";
import { temporaryDirectory } from "../support/function-directory.ts";

const stored = 5_000;

const line: LogLine = {
  ...{ function: "hello", version: 1, instance: "hello-1-aa" },
  ...{ stream: "stdout", level: "info", msg: "a line" },
};

function record(seq: number, fields: Partial<LogRecord> = {}): LogRecord {
  const ts = new Date(1_700_000_000_000 + seq * 1_000).toISOString();
  return { ts, seq, ...line, msg: `line ${seq}`, ...fields };
}

function open(t: ExecutionContext, files: Readonly<Record<string, string>>) {
  const dir = temporaryDirectory(t);
  mkdirSync(join(dir, "hello"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, "hello", `${name}.ndjson`), text);
  const store = openLogStore(dir, defaultLogLimits, (error) => t.fail(String(error)));
  const read = async (tail: number, filter: LogFilter = {}) => {
    const records: LogRecord[] = [];
    for await (const each of store.read("hello", { tail, filter })) records.push(each);
    return records;
  };
  return { store, read, path: join(dir, "hello", "current.ndjson") };
}

/** Numbers from `first` to `last`; the request's id is `request-` and the number. */
function linesOf(first: number, last: number): string {
  const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index);
  return numbers.map((seq) => `${JSON.stringify(record(seq, { requestId: `request-${seq}` }))}\n`).join("");
}

/** How many texts are parsed as JSON while `act` runs, and the most of them in one turn of the event loop. */
async function parsed(act: () => Promise<unknown>): Promise<{ readonly all: number; readonly inOneTurn: number }> {
  const { parse } = JSON;
  let [all, inOneTurn, seen, isOver] = [0, 0, 0, false];
  const watching = (async () => {
    for (; !isOver; await nextTurn()) {
      inOneTurn = Math.max(inOneTurn, all - seen);
      seen = all;
    }
  })();
  JSON.parse = (text, reviver) => {
    all += 1;
    return parse(text, reviver);
  };
  try {
    await act();
  } finally {
    JSON.parse = parse;
    isOver = true;
    await watching;
  }
  return { all, inOneTurn: Math.max(inOneTurn, all - seen) };
}

test.serial("the last records are found without parsing those before them, and the next number is", async (t) => {
  const { store, read, path } = open(t, { previous: linesOf(1, stored), current: linesOf(stored + 1, 2 * stored) });
  const last = await parsed(async () => t.deepEqual((await read(1))[0]?.seq, 2 * stored));
  t.true(last.all < 10, `${last.all} parsed`);
  const again = open(t, { previous: linesOf(1, stored), current: "" });
  again.store.append(line);
  const first = await parsed(() => again.store.flush());
  t.true(first.all < 10, `${first.all} parsed`);
  t.is((await again.read(1))[0]?.seq, stored + 1);
  store.append(line);
  await store.flush();
  t.regex(readFileSync(path, "utf8"), new RegExp(`"seq":${2 * stored + 1},.*\n$`));
});

test.serial("what is older than a moment, or of other requests, is not parsed", async (t) => {
  const { read } = open(t, { previous: linesOf(1, stored), current: linesOf(stored + 1, 2 * stored) });
  const sinceMs = Date.parse(record(2 * stored - 4).ts);
  const late = await parsed(async () => t.is((await read(10_000, { sinceMs })).length, 5));
  t.true(late.all < 20, `${late.all} parsed`);
  const one = await parsed(async () => {
    t.deepEqual(
      (await read(10_000, { requestId: "request-77" })).map(({ seq }) => seq),
      [77],
    );
  });
  t.true(one.all < 10, `${one.all} parsed`);
});

test.serial("others have their turns while a whole log is read", async (t) => {
  const { read } = open(t, { previous: linesOf(1, stored), current: linesOf(stored + 1, 2 * stored) });
  const none = await parsed(async () => t.deepEqual(await read(1, { level: "error" }), []));
  t.true(none.all >= 2 * stored);
  t.true(none.inOneTurn < 1_000, `${none.inOneTurn} in one turn`);
  const all = await parsed(async () => t.is((await read(100_000)).length, 2 * stored));
  t.true(all.inOneTurn < 1_000, `${all.inOneTurn} in one turn`);
});

test.serial("long lines, letters of several bytes and lines cut short anywhere are what they are", async (t) => {
  const lengths = [1, 30_000, 65_535, 65_536, 65_537, 200_000, 3, 70_000, 131_072];
  const whole = lengths.map((length, index) =>
    JSON.stringify(
      record(index + 1, { msg: `${"x".repeat(index)}${"é😀".repeat(length / 3)}`, data: { deep: { a: 1 } } }),
    ),
  );
  // Behind a brace, in the middle of a letter's escape, at the first byte, and whole but for the newline.
  const torn = (text: string) => [text.slice(0, text.lastIndexOf("}}}") + 1), text.slice(0, 90), "{", ""];
  for (const end of [...torn(whole[3] ?? ""), JSON.stringify(record(99))]) {
    const current = `${whole.join("\n")}\n${end}`;
    const previous = `${whole.slice(0, 4).join("\n")}\n${end}\n${whole.slice(4).join("\n")}\n`;
    const { store, read } = open(t, { previous, current });
    const expected = [...previous.split("\n"), ...current.split("\n")].flatMap(parse);
    for (const tail of [1, 2, 5, lengths.length, 1_000]) t.deepEqual(await read(tail), expected.slice(-tail));
    store.append(line);
    t.is((await read(1))[0]?.seq, (expected.at(-1)?.seq ?? 0) + 1);
  }
});

function parse(line: string): LogRecord[] {
  try {
    return line.startsWith("{") ? [JSON.parse(line) as LogRecord] : [];
  } catch {
    return [];
  }
}
