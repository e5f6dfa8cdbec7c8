// Claims about directories of functions that bring their own program: what is deployed of them, and what is refused.

import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import {
  bundleFunction,
  createBundler,
  loadSource,
  packFunction,
  unpackFunction,
} from "../../runtime/catalog/index.ts";
import { functionDirectory, temporaryDirectory, writeSource } from "../support/function-directory.ts";

const manifest = { "tsfn.json": `{ "name": "own", "runtime": "provided" }` };

test("everything but dot files and the manifest is deployed as it is, the program executable", async (t) => {
  const dir = functionDirectory(t, {
    ...manifest,
    bootstrap: "#!/app/bin/sh\n",
    "main.ts": "not bundled",
    "node_modules/dep/index.js": "kept",
    ".env": "left out",
    ".git/config": "left out",
  });
  chmodSync(join(dir, "bootstrap"), 0o744);
  const source = await loadSource(dir);
  t.is(source.entry, "bootstrap");
  t.is(source.manifest.prefork, "none");
  const bundle = await bundleFunction(source);
  const wanted = [
    ["bootstrap", true],
    ["main.ts", false],
    ["node_modules/dep/index.js", false],
  ];
  t.deepEqual(
    bundle.files.map(({ path, executable }) => [path, executable]),
    wanted,
  );
  const unpacked = await unpackFunction(packFunction(bundle, source.manifestText), temporaryDirectory(t));
  t.is(unpacked.manifest.runtime, "provided");
  await unpacked.discard();
});

test("a program that is missing, no file, or not executable is refused with what to do", async (t) => {
  const dir = functionDirectory(t, { ...manifest, "index.ts": "export const GET = () => new Response();" });
  const refused = (message: RegExp) => t.throwsAsync(loadSource(dir), { code: "SOURCE_INVALID", message });
  await refused(/"runtime" is "provided", which runs the program .*\/bootstrap: it is not there/);
  mkdirSync(join(dir, "bootstrap"));
  await refused(/bootstrap: it is a directory/);
  const other = functionDirectory(t, { ...manifest, bootstrap: "#!/app/bin/sh\n" });
  const error = await t.throwsAsync(loadSource(other), { message: /bootstrap: it is not executable/ });
  t.regex(JSON.stringify(error), /chmod \+x/);
});

test("a package whose program is missing or not executable is refused by the server", async (t) => {
  const text = manifest["tsfn.json"];
  const file = { path: "bootstrap", sizeBytes: 2, executable: false, content: Buffer.from("#!") };
  const unpack = (files: readonly (typeof file)[]) =>
    unpackFunction(packFunction({ files, sizeBytes: 2, warnings: [] }, text), temporaryDirectory(t));
  await t.throwsAsync(unpack([file]), {
    code: "PACKAGE_INVALID",
    message: /app\/bootstrap.*wanted an executable file/,
  });
  await t.throwsAsync(unpack([{ ...file, path: "index.mjs" }]), { message: /it holds no app\/bootstrap/ });
});

test("a program that is edited is collected again", async (t) => {
  const dir = functionDirectory(t, { ...manifest, bootstrap: "one" });
  chmodSync(join(dir, "bootstrap"), 0o755);
  const bundler = await createBundler(await loadSource(dir));
  t.is((await bundler.rebuild()).sizeBytes, 3);
  writeSource(dir, "bootstrap", "three");
  t.is((await bundler.rebuild()).sizeBytes, 5);
  await bundler.dispose();
});
