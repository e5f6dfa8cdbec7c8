// What is packed comes out the same; what is hostile does not come out at all, is told why, and leaves nothing behind.

import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import test, { type ExecutionContext } from "ava";
import fc from "fast-check";
import { type Header, pack } from "tar-stream";
import { bundleFunction, loadSource, packFunction, unpackFunction } from "../../runtime/catalog/index.ts";
import { TsfnError } from "../../runtime/errors.ts";
import { functionDirectory, temporaryDirectory } from "../support/function-directory.ts";
import { smallDisk } from "../support/small-disk.ts";

type Entry = Partial<Header> & { readonly name: string; readonly content?: string | Buffer };

const manifest: Entry = { name: "tsfn.json", content: `{ "name": "hello" }` };
const code: Entry = { name: "app/index.mjs", content: "export default {}" };

test("a packed function comes out as it went in", async (t) => {
  const dir = functionDirectory(t, {
    "tsfn.json": `{ "name": "hello", "concurrency": 3 }`,
    "index.ts": `export default { fetch: () => new Response("hi") };`,
    [`${"deep/".repeat(40)}long-${"name".repeat(30)}.txt`]: "deep",
    "data/grüße 1.bin": "x".repeat(300_000),
    "empty.txt": "",
  });
  const source = await loadSource(dir);
  const bundle = await bundleFunction(source);
  const archive = await buffer(packFunction(bundle, source.manifestText));
  t.deepEqual(archive, await buffer(packFunction(bundle, source.manifestText)), "the archive is not deterministic");
  const staging = temporaryDirectory(t);
  const unpacked = await unpackFunction(Readable.from([archive]), staging);
  t.deepEqual(unpacked.manifest, source.manifest);
  t.is(unpacked.sizeBytes, bundle.sizeBytes);
  for (const { path, content } of bundle.files) {
    const expected = typeof content === "string" ? readFileSync(content) : Buffer.from(content);
    t.deepEqual(readFileSync(join(unpacked.stagedDir, "app", path)), expected, path);
  }
  await unpacked.discard();
  t.deepEqual(readdirSync(staging), []);
});

test("modes come out as 0644 or 0755 whatever the umask and the archive say", async (t) => {
  const umask = process.umask(0o077);
  t.teardown(() => process.umask(umask));
  const modes = [0o4777, 0o600, 0o100, 0o000];
  const entries = modes.map((mode): Entry => ({ name: `app/f${mode.toString(8)}`, mode, content: "x" }));
  const { stagedDir } = await unpackFunction(await archiveOf(manifest, code, ...entries), temporaryDirectory(t));
  const found = modes.map((mode) => statSync(join(stagedDir, `app/f${mode.toString(8)}`)).mode & 0o7777);
  // tar-stream writes 0644 for mode 0.
  t.deepEqual(found, [0o755, 0o644, 0o755, 0o644]);
});

test("an archive of the ordinary tar program is unpacked", async (t) => {
  const dir = functionDirectory(t, { "tsfn.json": `{ "name": "hello" }`, "app/index.mjs": "1", "app/data/x": "2" });
  const archive = execFileSync("tar", ["-cf", "-", "-C", dir, "tsfn.json", "app"]);
  const { stagedDir } = await unpackFunction(Readable.from([archive]), temporaryDirectory(t));
  t.is(readFileSync(join(stagedDir, "app/data/x"), "utf8"), "2");
});

const hostile: readonly (readonly [title: string, entries: readonly Entry[], message: RegExp])[] = [
  ["an absolute path", [{ name: "/etc/cron.d/x", content: "x" }], /"\/etc\/cron.d\/x" is absolute/],
  ["a path that climbs", [{ name: "app/../../x", content: "x" }], /has "\.\." as one of its names/],
  ["a path with a dot", [{ name: "app/./x", content: "x" }], /has "\." as one of its names/],
  ["a path with an empty name", [{ name: "app//x", content: "x" }], /has "" as one of its names/],
  ["a path beside app", [{ name: "lib/x", content: "x" }], /"lib\/x" is neither tsfn\.json nor below app\//],
  ["a path that only looks like app", [{ name: "apparent", content: "x" }], /is neither tsfn\.json nor below app\//],
  ["a file in the place of app", [{ name: "app", content: "x" }], /"app" is both a file and a directory/],
  ["a symbolic link", [{ name: "app/l", type: "symlink", linkname: "/etc/shadow" }], /"app\/l" is a symlink/],
  ["a hard link", [{ name: "app/l", type: "link", linkname: "/etc/shadow" }], /"app\/l" is a link/],
  ["a character device", [{ name: "app/d", type: "character-device" }], /"app\/d" is a character-device/],
  ["a block device", [{ name: "app/d", type: "block-device" }], /"app\/d" is a block-device/],
  ["a pipe", [{ name: "app/p", type: "fifo" }], /"app\/p" is a fifo/],
  [
    "a file twice",
    [
      { name: "app/x", content: "1" },
      { name: "app/x", content: "2" },
    ],
    /"app\/x" is there twice/,
  ],
  ["two manifests", [manifest], /"tsfn\.json" is there twice/],
  [
    "a file below a file",
    [
      { name: "app/x", content: "1" },
      { name: "app/x/y", content: "2" },
    ],
    /"app\/x" is both a file/,
  ],
  [
    "a file over a directory",
    [
      { name: "app/x/y", content: "1" },
      { name: "app/x", content: "2" },
    ],
    /"app\/x" is both a/,
  ],
  ["a name of 256 bytes", [{ name: `app/${"é".repeat(128)}`, content: "1" }], /has a name of over 255 bytes/],
  ["a path over 1024 bytes", [{ name: `app/${"abcdefghi/".repeat(103)}x`, content: "1" }], /is longer than 1024 bytes/],
  ["a manifest that is a directory", [{ name: "tsfn.json/", type: "directory" }], /tsfn\.json is a directory/],
  ["terminal escapes in a name", [{ name: "\u001b[31mx", content: "1" }], /its entry "\\u001b\[31mx" is neither/],
];

for (const [title, entries, message] of hostile) {
  test(`${title} is refused`, async (t) => {
    await refused(t, await archiveOf(manifest, code, ...entries), message);
  });
}

test("a package without code or without a manifest is refused", async (t) => {
  await refused(t, await archiveOf(manifest), /it holds no app\/index\.mjs/);
  await refused(t, await archiveOf(code), /it holds no tsfn\.json/);
  await refused(t, await archiveOf(), /it holds no tsfn\.json/);
  await refused(t, await archiveOf({ ...manifest, content: "x".repeat(300_000) }, code), /tsfn\.json has 300000 bytes/);
});

test("a package whose manifest is wrong says where", async (t) => {
  const archive = await archiveOf({ ...manifest, content: `{ "name": "a", "concurrency": 0 }` }, code);
  const error = await refused(t, archive, /tsfn\.json has one problem/, "MANIFEST_INVALID");
  t.is(error.fields.problems?.[0]?.column, 31);
});

test("a size beyond the limit is refused before anything of it is written", async (t) => {
  const archive = await buffer(await archiveOf(manifest, code, { name: "app/x", content: "x" }));
  const header = archive.indexOf("app/x");
  rewriteHeader(archive, header, (bytes) => bytes.write("77777777777", 124));
  await refused(t, Readable.from([archive]), /more than 536870912 bytes/);
});

test("more entries than the limit are refused", async (t) => {
  const entries = Array.from({ length: 10_001 }, (_, index): Entry => ({ name: `app/${index}`, content: "" }));
  await refused(t, await archiveOf(manifest, code, ...entries), /more than 10000 entries/);
});

test("a NUL smuggled into a path by an extended header is refused", async (t) => {
  const path = "app/\0x";
  const record = `${Buffer.byteLength(path) + 9} path=${path}\n`;
  const archive = await buffer(
    await archiveOf(manifest, code, { name: "x-header", content: record }, { name: "app/y", content: "" }),
  );
  rewriteHeader(archive, archive.indexOf("x-header"), (bytes) => bytes.write("x", 156));
  await refused(t, Readable.from([archive]), /holds a NUL/);
});

test("a wrong checksum, garbage, and an empty upload are refused", async (t) => {
  const archive = await buffer(await archiveOf(manifest, code));
  archive.write("tsfn.jsoX", 0);
  await refused(t, Readable.from([archive]), /not a whole tar archive: Invalid tar header/);
  await refused(t, Readable.from([Buffer.alloc(4_096, "garbage ")]), /not a whole tar archive/);
  await refused(t, Readable.from([]), /not a whole tar archive: its end is missing/);
});

test("an archive cut anywhere is refused, however its bytes are cut into chunks", async (t) => {
  const archive = await buffer(await archiveOf(manifest, code, { name: "app/x", content: "x".repeat(2_000) }));
  const staging = temporaryDirectory(t);
  const anyCut = fc.integer({ min: 0, max: archive.length - 1 });
  const claim = fc.assert(
    fc.asyncProperty(anyCut, fc.integer({ min: 1, max: 700 }), async (cut, chunkBytes) => {
      const error = await unpackFunction(chunked(archive.subarray(0, cut), chunkBytes), staging).catch(
        (thrown) => thrown,
      );
      return error instanceof TsfnError && error.code === "PACKAGE_INVALID" && readdirSync(staging).length === 0;
    }),
    { numRuns: 60 },
  );
  await t.notThrowsAsync(claim);
});

test("random damage never crashes the unpacker and never leaves anything", async (t) => {
  const archive = await buffer(await archiveOf(manifest, code, { name: "app/x", content: "x".repeat(2_000) }));
  const staging = temporaryDirectory(t);
  const anyDamage = fc.array(fc.tuple(fc.nat(archive.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 });
  const claim = fc.assert(
    fc.asyncProperty(anyDamage, async (damage) => {
      const damaged = Buffer.from(archive);
      for (const [offset, byte] of damage) damaged[offset] = byte;
      const unpacked = await unpackFunction(Readable.from([damaged]), staging).catch((thrown) => thrown);
      if (unpacked instanceof Error) return unpacked instanceof TsfnError && readdirSync(staging).length === 0;
      await unpacked.discard();
      return readdirSync(staging).length === 0;
    }),
    { numRuns: 100 },
  );
  await t.notThrowsAsync(claim);
});

test("an upload that breaks off is told as the client's leaving and leaves nothing", async (t) => {
  const archive = await buffer(await archiveOf(manifest, code));
  const upload = new PassThrough();
  const staging = temporaryDirectory(t);
  const unpacking = unpackFunction(upload, staging);
  upload.write(archive.subarray(0, 1_500), () => upload.destroy(new Error("connection reset")));
  await t.throwsAsync(unpacking, { code: "CLIENT_CLOSED" });
  t.deepEqual(readdirSync(staging), []);
});

test("a refusal comes while the client is still sending, and leaves the stream to be answered on", async (t) => {
  const archive = await buffer(await archiveOf({ name: "../x", content: "x" }));
  const upload = new PassThrough();
  upload.write(archive.subarray(0, 1_024));
  const error = await refused(t, upload, /has "\.\." as one of its names/);
  t.is(error.code, "PACKAGE_INVALID");
  t.false(upload.destroyed);
});

test("on a full disk nothing is left and the error says so", async (t) => {
  const disk = smallDisk(t, 256);
  const archive = await archiveOf(manifest, code, { name: "app/big", content: Buffer.alloc(1_000_000) });
  await t.throwsAsync(unpackFunction(archive, disk), { code: "DISK_FULL", message: /no room to unpack the package/ });
  t.deepEqual(readdirSync(disk), []);
});

async function refused(
  t: ExecutionContext,
  stream: Readable,
  message: RegExp,
  code: TsfnError["code"] = "PACKAGE_INVALID",
): Promise<TsfnError> {
  const staging = temporaryDirectory(t);
  const error = await t.throwsAsync(unpackFunction(stream, staging), { instanceOf: TsfnError, code, message });
  t.deepEqual(readdirSync(staging), [], "something was left in the staging directory");
  if (error === undefined) throw new Error("it was accepted");
  return error;
}

async function archiveOf(...entries: readonly Entry[]): Promise<Readable> {
  const archive = pack();
  for (const { content = "", ...header } of entries) {
    const body = Buffer.from(content);
    const full = { mode: 0o644, type: "file", ...header, size: body.length };
    archive.entry(full, body, () => undefined);
  }
  archive.finalize();
  return Readable.from([await buffer(archive)]);
}

function chunked(bytes: Buffer, chunkBytes: number): Readable {
  const chunks: Buffer[] = [];
  for (let start = 0; start < bytes.length; start += chunkBytes) chunks.push(bytes.subarray(start, start + chunkBytes));
  return Readable.from(chunks);
}

/** Changes the header at `offset` and mends its checksum. */
function rewriteHeader(archive: Buffer, offset: number, change: (header: Buffer) => void): void {
  const header = archive.subarray(offset, offset + 512);
  change(header);
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
}
