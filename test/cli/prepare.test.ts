// The directories of a server: made with the right owners, made again without harm, and never taken from others.

import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  realpathSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import { insideProgram } from "../../gateway/cli/server/installation.ts";
import { removeMade } from "../../gateway/cli/server/made.ts";
import { prepareDirectories } from "../../gateway/cli/server/prepare.ts";
import { resolveSettings, type Settings } from "../../runtime/config.ts";
import { TsfnError } from "../../runtime/errors.ts";
import { temporaryDirectory } from "../support/function-directory.ts";

function place(t: ExecutionContext): { base: string; settings: (part?: Partial<Settings>) => Settings } {
  const base = realpathSync(temporaryDirectory(t));
  chmodSync(base, 0o711);
  const own = { dataDir: join(base, "data"), adminSocket: join(base, "run/admin.sock") };
  return { base, settings: (part = {}) => ({ ...resolveSettings({}, {}), ...own, ...part }) };
}

const found = (path: string) => {
  const { uid, gid, mode } = statSync(path);
  return { uid, gid, mode: (mode & 0o7777).toString(8) };
};

async function refusal(t: ExecutionContext, settings: Settings): Promise<TsfnError> {
  const error = await t.throwsAsync(prepareDirectories(settings), { instanceOf: TsfnError });
  return error as TsfnError;
}

test("everything is made: root's data directory, parts and socket directory of the server's user", async (t) => {
  const { base, settings } = place(t);
  const { uid, gid, id, runDir } = await prepareDirectories(settings());
  t.true(uid >= 61_184 && uid <= 65_519);
  t.regex(id, /^[0-9a-f]{8}$/);
  t.is(runDir, join(base, "run"));
  t.deepEqual(found(join(base, "data")), { uid: 0, gid: 0, mode: "711" });
  for (const part of ["layers", "staging", "logs", "state"]) {
    t.deepEqual(found(join(base, "data", part)), { uid, gid, mode: "700" }, part);
  }
  t.deepEqual(found(runDir), { uid, gid, mode: "755" });
});

test("a second start finds everything as it was, through a link too", async (t) => {
  const { base, settings } = place(t);
  const first = await prepareDirectories(settings());
  writeFileSync(join(base, "data/layers/kept"), "");
  symlinkSync(join(base, "data"), join(base, "link"));
  t.deepEqual(await prepareDirectories(settings({ dataDir: join(base, "link") })), {
    ...first,
    made: { directories: [], filled: null },
  });
  t.true(existsSync(join(base, "data/layers/kept")));
});

test("servers of different directories have different ids", async (t) => {
  const { base, settings } = place(t);
  const first = await prepareDirectories(settings());
  const second = await prepareDirectories(settings({ dataDir: join(base, "b"), adminSocket: join(base, "run-b/s") }));
  t.not(first.id, second.id);
});

test("who owned the layers stays the server's user", async (t) => {
  const { base, settings } = place(t);
  mkdirSync(join(base, "data/layers"), { recursive: true });
  chownSync(join(base, "data/layers"), 61_999, 61_999);
  t.is((await prepareDirectories(settings())).uid, 61_999);
});

test("a directory that holds other things is refused and left alone", async (t) => {
  const { base, settings } = place(t);
  mkdirSync(join(base, "data"), { mode: 0o755 });
  writeFileSync(join(base, "data/thesis.txt"), "");
  const error = await refusal(t, settings());
  t.is(error.code, "DATA_DIR_UNUSABLE");
  t.regex(error.message, /thesis\.txt/);
  t.deepEqual(readdirSync(join(base, "data")), ["thesis.txt"]);
  t.is(found(join(base, "data")).mode, "755");
});

test("somebody's empty directory is adopted, one that is in use is not", async (t) => {
  const { base, settings } = place(t);
  mkdirSync(join(base, "data"));
  chownSync(join(base, "data"), 1_234, 1_234);
  await prepareDirectories(settings());
  t.is(found(join(base, "data")).uid, 0);
  chownSync(join(base, "data"), 1_234, 1_234);
  const error = await refusal(t, settings());
  t.is(error.code, "DATA_DIR_UNUSABLE");
  t.regex(error.hint, /chown/);
});

test("a directory above that lets nobody pass is named", async (t) => {
  const { base, settings } = place(t);
  chmodSync(base, 0o700);
  const error = await refusal(t, settings());
  t.is(error.code, "DATA_DIR_UNUSABLE");
  t.true(error.message.includes(`${base} has mode 0700`), error.message);
});

test("a file in the place of a directory is refused", async (t) => {
  const { base, settings } = place(t);
  writeFileSync(join(base, "data"), "");
  t.is((await refusal(t, settings())).code, "DATA_DIR_UNUSABLE");
});

test("a place where nothing can be made is refused, and does not hang", async (t) => {
  const { base, settings } = place(t);
  t.is((await refusal(t, settings({ dataDir: "/proc/nowhere/data" }))).code, "DATA_DIR_UNUSABLE");
  const error = await refusal(t, settings({ dataDir: join(base, "a/b/c"), adminSocket: "/proc/nowhere/admin.sock" }));
  t.is(error.code, "NOT_ALLOWED");
  t.true(error.message.includes("/proc/nowhere/admin.sock"), error.message);
  t.deepEqual(readdirSync(base), [], "what was made before that is gone");
});

test("what a failed start made is removed, and nothing else", async (t) => {
  const { base, settings } = place(t);
  const refused = new TsfnError("LISTEN_FAILED", "taken");
  const dataDir = join(base, "a/b/data");
  const prepare = () => prepareDirectories(settings({ dataDir }));

  await removeMade((await prepare()).made, refused);
  t.deepEqual(readdirSync(base), []);

  mkdirSync(join(base, "a"));
  const half = await prepare();
  writeFileSync(join(base, "a/b/other"), "");
  await removeMade(half.made, refused);
  t.deepEqual([readdirSync(base), readdirSync(join(base, "a/b"))], [["a"], ["other"]]);

  mkdirSync(join(dataDir, "lost+found"), { recursive: true });
  await removeMade((await prepare()).made, refused);
  t.deepEqual(readdirSync(dataDir), ["lost+found"]);

  await prepare();
  writeFileSync(join(dataDir, "layers/kept"), "");
  await removeMade((await prepare()).made, refused);
  t.true(existsSync(join(dataDir, "layers/kept")), "an earlier start had made it");
});

test("what a failed start made is left to the server that has it, and to whoever must read its log", async (t) => {
  const { base, settings } = place(t);
  const { made } = await prepareDirectories(settings());
  for (const code of ["DATA_DIR_IN_USE", "SERVER_FAILED"] as const) await removeMade(made, new TsfnError(code, ""));
  mkdirSync(join(base, "data/warden"));
  writeFileSync(join(base, "data/warden/lock"), `${process.pid}\n`);
  await removeMade(made, new TsfnError("LISTEN_FAILED", "taken"));
  t.true(existsSync(join(base, "data/layers")));
});

test("the socket's directory is given away only when it holds nothing else", async (t) => {
  const { base, settings } = place(t);
  mkdirSync(join(base, "run"));
  writeFileSync(join(base, "run/other.pid"), "");
  const error = await refusal(t, settings());
  t.is(error.code, "NOT_ALLOWED");
  t.regex(error.hint, /--admin/);
  t.is(found(join(base, "run")).uid, 0);
});

test("a directory that everybody may write, such as /tmp, is used as it is", async (t) => {
  const { base, settings } = place(t);
  mkdirSync(join(base, "run"));
  chmodSync(join(base, "run"), 0o1777);
  await prepareDirectories(settings());
  t.deepEqual(found(join(base, "run")), { uid: 0, gid: 0, mode: "1777" });
});

test("a socket path that the kernel cannot take is refused before anything is made", async (t) => {
  const { base, settings } = place(t);
  const error = await refusal(t, settings({ adminSocket: join(base, "x".repeat(120)) }));
  t.is(error.code, "USAGE");
  t.regex(error.message, /107 bytes/);
  t.deepEqual(readdirSync(base), []);
});

test("paths of the installation are named as the server sees them, foreign ones stay", (t) => {
  const installation = { programDir: "/opt/tsfn", wardenPath: "", nodePath: "", daemonPath: "" };
  const inside = (path: string) => insideProgram(path, installation, "/var/lib/tsfn");
  t.is(inside("/opt/tsfn/gateway/tsfnd.ts"), "/var/lib/tsfn/program/gateway/tsfnd.ts");
  t.is(inside("/usr/bin/node"), "/usr/bin/node");
  t.is(inside("/opt/tsfn-other/node"), "/opt/tsfn-other/node");
});
