// The log store over real files: order, tails, followers, rotation, limits and a full disk.

import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import {
  defaultLogLimits,
  type LogLine,
  type LogRecord,
  type LogStore,
  openLogStore,
} from "../../runtime/logs/index.ts";

async function tempDir(t: ExecutionContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), "tsfn-logs-"));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

function open(dir: string, limits: Partial<typeof defaultLogLimits> = {}, faults: unknown[] = []): LogStore {
  return openLogStore(dir, { ...defaultLogLimits, ...limits }, (error) => faults.push(error));
}

function line(msg: string, fields: Partial<LogLine> = {}): LogLine {
  return { function: "hello", version: 1, instance: "hello-1-aa", stream: "stdout", level: "info", msg, ...fields };
}

async function tailOf(store: LogStore, tail: number, name = "hello"): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for await (const record of store.read(name, { tail })) records.push(record);
  return records;
}

const messages = (records: readonly LogRecord[]): string[] => records.map(({ msg }) => msg);

test("a follower sees what comes after it was asked for, however late its reader begins", async (t) => {
  const store = open(await tempDir(t));
  store.append(line("before"));
  await store.flush();
  const stop = new AbortController();
  const records = store.follow("hello", { tail: 0, signal: stop.signal });
  await store.flush();
  store.append(line("after"));
  await store.flush();
  for await (const { msg } of records) {
    t.is(msg, "after");
    stop.abort();
  }
});

test("what was appended is read back in order, numbered from one without a gap", async (t) => {
  const store = open(await tempDir(t));
  for (const msg of ["one", "two", "three"]) store.append(line(msg));
  const records = await tailOf(store, 10);
  t.deepEqual(messages(records), ["one", "two", "three"]);
  t.deepEqual(
    records.map(({ seq }) => seq),
    [1, 2, 3],
  );
  t.true(records.every(({ ts }) => new Date(ts).toISOString() === ts));
});

test("a tail is the newest records, and none is none", async (t) => {
  const store = open(await tempDir(t));
  for (let index = 0; index < 50; index += 1) store.append(line(`line ${index}`));
  t.deepEqual(messages(await tailOf(store, 2)), ["line 48", "line 49"]);
  t.deepEqual(await tailOf(store, 0), []);
  t.deepEqual(await tailOf(store, 10, "silent"), []);
});

test("functions do not see each other's records", async (t) => {
  const store = open(await tempDir(t));
  store.append(line("mine"));
  store.append(line("theirs", { function: "other" }));
  t.deepEqual(messages(await tailOf(store, 10)), ["mine"]);
  t.deepEqual(messages(await tailOf(store, 10, "other")), ["theirs"]);
});

test("numbers go on after a restart, past a line that a crash cut short", async (t) => {
  const dir = await tempDir(t);
  const first = open(dir);
  first.append(line("before"));
  await first.flush();
  const file = join(dir, "hello", "current.ndjson");
  await writeFile(file, '{"seq":2,"msg":"half', { flag: "a" });

  const second = open(dir);
  second.append(line("after"));
  const records = await tailOf(second, 10);
  t.deepEqual(
    records.map(({ msg, seq }) => [msg, seq]),
    [
      ["before", 1],
      ["after", 2],
    ],
  );
});

test("a JSON object keeps its fields under data and its own message; what only looks like one stays a line", async (t) => {
  const store = open(await tempDir(t));
  store.append(line('{"msg":"paid","amount":3,"function":"forged","seq":99}'));
  store.append(line("{not json}"));
  const [json, plain] = await tailOf(store, 10);
  t.is(json?.msg, "paid");
  t.deepEqual(json?.data, { msg: "paid", amount: 3, function: "forged", seq: 99 });
  t.is(json?.function, "hello");
  t.is(json?.seq, 1);
  t.is(plain?.msg, "{not json}");
  t.is(plain?.data, undefined);
});

test("control characters and line separators cannot make a second record", async (t) => {
  const store = open(await tempDir(t));
  const msg = 'a\nb\r\u2028{"seq":9}\u0000\u001b[31m';
  store.append(line(msg));
  t.deepEqual(messages(await tailOf(store, 10)), [msg]);
});

test("the disk holds no more than the cap, and always the newest half of it", async (t) => {
  const dir = await tempDir(t);
  const maxBytesPerFunction = 64 * 1024;
  const store = open(dir, { maxBytesPerFunction });
  for (let index = 0; index < 2_000; index += 1) {
    store.append(line(`line ${index} ${"x".repeat(60)}`));
    if (index % 50 === 0) await store.flush();
  }
  await store.flush();
  const names = await readdir(join(dir, "hello"));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(dir, "hello", name))).size));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  t.true(total <= maxBytesPerFunction, `${total} bytes`);
  const records = await tailOf(store, 10_000);
  t.regex(records.at(-1)?.msg ?? "", /^line 1999 /);
  t.true(records.length > 50);
  t.true(records.every(({ seq }, index) => index === 0 || seq === (records[index - 1]?.seq ?? 0) + 1));
});

test("a function that prints faster than its rate loses lines, is told how many, and keeps the platform's reports", async (t) => {
  const store = open(await tempDir(t), { linesPerSecond: 100 });
  for (let index = 0; index < 5_000; index += 1) store.append(line(`line ${index}`));
  store.append(line("platform.invokeReport", { stream: "platform" }));
  const records = await tailOf(store, 10_000);
  const dropped = records.filter(({ msg }) => msg === "platform.logsDropped");
  const counted = dropped.reduce((sum, { data }) => sum + Number(data?.count), 0);
  t.is(records.filter(({ stream }) => stream === "stdout").length + counted, 5_000);
  t.true(counted > 4_000);
  t.true(messages(records).includes("platform.invokeReport"));
});

test("a full disk costs log records, never the server, and the loss is told once there is room again", async (t) => {
  const dir = await tempDir(t);
  const faults: unknown[] = [];
  const store = open(dir, {}, faults);
  // A file where the function's directory should be: every write fails as it would on a full disk.
  await writeFile(join(dir, "hello"), "");
  for (const msg of ["lost 1", "lost 2", "lost 3"]) store.append(line(msg));
  await store.flush();
  t.is(faults.length, 1);
  await rm(join(dir, "hello"));
  store.append(line("kept"));
  const records = await tailOf(store, 10);
  t.true(messages(records).includes("kept"));
  t.is(records.find(({ msg }) => msg === "platform.logsDropped")?.data?.count, 3);
});

test("a follower gets the tail, then everything new, without loss or repeat across versions and bursts", async (t) => {
  const store = open(await tempDir(t), { linesPerSecond: 1e6, bytesPerSecond: 1e9, maxPendingBytes: 1e9 });
  for (let index = 0; index < 10; index += 1) store.append(line(`line ${index}`));
  const stop = new AbortController();
  const seen: LogRecord[] = [];
  const gotTail = Promise.withResolvers<void>();
  const reading = (async () => {
    for await (const record of store.follow("hello", { tail: 3, signal: stop.signal })) {
      seen.push(record);
      if (seen.length === 3) gotTail.resolve();
      if (record.msg === "last") stop.abort();
    }
  })();
  await gotTail.promise;
  // More than a follower may lag behind in memory, so that it must catch up from the files.
  for (let index = 10; index < 9_000; index += 1) {
    store.append(line(`line ${index}`, { version: index < 5_000 ? 1 : 2 }));
    if (index % 1_000 === 0) await store.flush();
  }
  store.append(line("last"));
  await reading;
  t.is(seen.at(-1)?.msg, "last");
  t.true(seen.every(({ seq }, index) => index === 0 || seq === (seen[index - 1]?.seq ?? 0) + 1));
  t.is(seen.length, 3 + 9_000 - 10 + 1);
});

test("a follower of a silent function ends when its signal aborts, and when the log is removed", async (t) => {
  const store = open(await tempDir(t));
  const drain = async (signal: AbortSignal): Promise<number> => {
    let count = 0;
    for await (const _record of store.follow("hello", { tail: 10, signal })) count += 1;
    return count;
  };
  const stop = new AbortController();
  const aborted = drain(stop.signal);
  const removed = drain(new AbortController().signal);
  setImmediate(() => stop.abort());
  t.is(await aborted, 0);
  await store.remove("hello");
  t.is(await removed, 0);
});

test("a removed log leaves nothing on disk, and a function of the same name begins anew", async (t) => {
  const dir = await tempDir(t);
  const store = open(dir);
  store.append(line("old"));
  await store.flush();
  await store.remove("hello");
  t.deepEqual(await readdir(dir), []);
  store.append(line("new"));
  t.deepEqual(messages(await tailOf(store, 10)), ["new"]);
  t.regex(await readFile(join(dir, "hello", "current.ndjson"), "utf8"), /"msg":"new"/);
});

test("the logs of functions that are no more are found on disk and removed, and nothing else is", async (t) => {
  const dir = await tempDir(t);
  const earlier = open(dir);
  for (const name of ["kept", "gone", "gone-too"]) earlier.append(line("old", { function: name }));
  await earlier.flush();
  await writeFile(join(dir, "note"), "");
  const store = open(dir);
  await store.keepOnly(new Set(["kept", "silent"]));
  t.deepEqual((await readdir(dir)).sort(), ["kept", "note"]);
  t.deepEqual(messages(await tailOf(store, 10, "kept")), ["old"]);
});

test("lines that wait to be written are bounded too", async (t) => {
  const dir = await tempDir(t);
  await mkdir(dir, { recursive: true });
  const store = open(dir, { maxPendingBytes: 10_000, linesPerSecond: 1e6, bytesPerSecond: 1e9 });
  for (let index = 0; index < 1_000; index += 1) store.append(line("x".repeat(800)));
  const records = await tailOf(store, 10_000);
  t.true(records.length <= 11);
  t.is(records.at(-1)?.data?.count, 990);
});
