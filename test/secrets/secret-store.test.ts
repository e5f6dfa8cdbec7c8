// Claims about the store of secrets: what is kept, what is on disk, and what a damaged file means.

import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { openSecretStore } from "../../runtime/secrets/index.ts";
import { temporaryDirectory } from "../support/function-directory.ts";

test("what was put is there again after a restart, and what was deleted is not", async (t) => {
  const dir = temporaryDirectory(t);
  const store = await openSecretStore(dir);
  t.deepEqual(store.list(), []);
  await store.put("B", "two");
  await store.put("A", "one\nwith a line");
  await store.put("B", "three");
  await store.put("GONE", "x");
  await store.delete("GONE");
  const again = await openSecretStore(dir);
  t.deepEqual(
    again.list().map(({ name }) => name),
    ["A", "B"],
  );
  t.deepEqual(again.values(["B", "A"]), { B: "three", A: "one\nwith a line" });
  t.false(again.has("GONE"));
});

test("no file holds a value, and both are for their owner alone whatever the umask", async (t) => {
  const dir = temporaryDirectory(t);
  const umask = process.umask(0);
  t.teardown(() => process.umask(umask));
  const store = await openSecretStore(dir);
  const value = "correct horse battery staple";
  await store.put("PASSWORD", value);
  t.deepEqual(readdirSync(dir).sort(), ["secrets.key", "secrets.sealed"]);
  for (const name of readdirSync(dir)) {
    t.is(statSync(join(dir, name)).mode & 0o777, 0o600, name);
    const bytes = readFileSync(join(dir, name));
    t.false(bytes.includes(value), name);
    t.false(bytes.includes("PASSWORD"), name);
  }
});

test("the same content is sealed differently each time", async (t) => {
  const dir = temporaryDirectory(t);
  const store = await openSecretStore(dir);
  const sealed = new Set<string>();
  for (let round = 0; round < 5; round += 1) {
    await store.put("A", "same");
    sealed.add(readFileSync(join(dir, "secrets.sealed"), "latin1"));
  }
  t.is(sealed.size, 5);
});

test("puts at the same time are all kept", async (t) => {
  const dir = temporaryDirectory(t);
  const store = await openSecretStore(dir);
  const names = Array.from({ length: 20 }, (_, index) => `N${index}`);
  await Promise.all(names.map((name) => store.put(name, name)));
  t.is((await openSecretStore(dir)).list().length, 20);
});

test("nobody gets a secret that is just being deleted, unless it stays", async (t) => {
  const dir = temporaryDirectory(t);
  const store = await openSecretStore(dir);
  await store.put("A", "one");
  const deleting = store.delete("A");
  t.throws(() => store.values(["A"]), { code: "SECRET_NOT_FOUND" });
  t.false(store.has("A"));
  await Promise.all([deleting, store.put("A", "two")]);
  t.deepEqual(store.values(["A"]), { A: "two" });
  // A directory where the next file is to be written: it cannot be.
  mkdirSync(join(dir, "secrets.sealed.new"));
  const refused = store.delete("A");
  t.throws(() => store.values(["A"]), { code: "SECRET_NOT_FOUND" });
  await t.throwsAsync(refused, { code: "EISDIR" });
  t.deepEqual(store.values(["A"]), { A: "two" });
});

test("a changed, cut or foreign file, and a missing key, are refused with their path", async (t) => {
  const dir = temporaryDirectory(t);
  await (await openSecretStore(dir)).put("A", "one");
  const [path, key] = [join(dir, "secrets.sealed"), join(dir, "secrets.key")];
  const [sealed, keyBytes] = [readFileSync(path), readFileSync(key)];
  const refused = () => t.throwsAsync(openSecretStore(dir), { code: "DATA_DIR_UNUSABLE", message: /secrets\./ });
  for (const at of [0, 20, sealed.length - 1]) {
    const changed = Buffer.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    writeFileSync(path, changed);
    await refused();
  }
  for (const length of [0, 5, sealed.length - 1]) {
    writeFileSync(path, sealed.subarray(0, length));
    await refused();
  }
  writeFileSync(path, sealed);
  rmSync(key);
  await refused();
  writeFileSync(key, keyBytes.subarray(1));
  await refused();
  writeFileSync(key, Buffer.alloc(32));
  await refused();
  writeFileSync(key, keyBytes);
  t.deepEqual((await openSecretStore(dir)).values(["A"]), { A: "one" });
  chmodSync(path, 0o600);
});

test("what cannot be kept is refused without the value, and what is missing is named", async (t) => {
  const store = await openSecretStore(temporaryDirectory(t));
  const value = "a value that nobody may see";
  const refused = async (name: string, text: string, message: RegExp) => {
    const error = await t.throwsAsync(store.put(name, text), { code: "SECRET_INVALID", message });
    t.false(error?.message.includes(value));
  };
  await refused("1A", value, /its name is "1A"/);
  await refused("a-b", value, /its name is "a-b"/);
  await refused("A", "", /is empty/);
  await refused("A", value.repeat(2_000), /bytes; wanted at most 32768/);
  await refused("A", `${value}\0`, /without NUL/);
  t.throws(() => store.values(["A", "B"]), { code: "SECRET_NOT_FOUND", message: /secrets A, B/ });
  await t.throwsAsync(store.delete("A"), { code: "SECRET_NOT_FOUND" });
});
