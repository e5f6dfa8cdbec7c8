// What `import … from "tsfn"` becomes in a bundle: a real module that speaks to whichever guest runs it, or to none.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import test, { type ExecutionContext } from "ava";
import { bundleFunction, loadSource } from "../../runtime/catalog/index.ts";
import { TsfnError } from "../../runtime/errors.ts";
import { functionDirectory, temporaryDirectory } from "../support/function-directory.ts";

const symbol = Symbol.for("tsfn.onFork");

async function bundled(t: ExecutionContext, files: Readonly<Record<string, string>>): Promise<string> {
  const { files: built } = await bundleFunction(await loadSource(functionDirectory(t, files), { name: "hooked" }));
  const entry = built.find(({ path }) => path === "index.mjs");
  if (entry === undefined) throw new Error("the bundle has no index.mjs");
  return Buffer.from(entry.content).toString();
}

/** Imports the bundle as a guest would, with or without a place for hooks. */
async function load(t: ExecutionContext, text: string, hooks: unknown[] | null): Promise<Record<string, unknown>> {
  const path = join(temporaryDirectory(t), "index.mjs");
  writeFileSync(path, text);
  if (hooks !== null) {
    Object.defineProperty(globalThis, symbol, { configurable: true, value: (hook: unknown) => hooks.push(hook) });
  }
  try {
    return await import(pathToFileURL(path).href);
  } finally {
    if (hooks !== null) Reflect.deleteProperty(globalThis, symbol);
  }
}

const source = `import { onFork, type ExportedHandler } from "tsfn";
  export const calls: string[] = [];
  onFork(() => { calls.push("first"); });
  onFork(async () => { calls.push("second"); });
  export default { fetch: () => new Response("ok") } satisfies ExportedHandler;`;

test.serial("onFork hands every hook to the guest, in order, and calls none of them itself", async (t) => {
  const hooks: (() => unknown)[] = [];
  const module = await load(t, await bundled(t, { "index.ts": source }), hooks);
  t.is(hooks.length, 2);
  t.deepEqual(module.calls, []);
  for (const hook of hooks) await hook();
  t.deepEqual(module.calls, ["first", "second"]);
});

test.serial("where nothing is forked onFork does nothing, and the module loads", async (t) => {
  const module = await load(t, await bundled(t, { "index.ts": source }), null);
  t.deepEqual(module.calls, []);
});

test.serial("a dependency's onFork reaches the same guest", async (t) => {
  const text = await bundled(t, {
    "index.ts": `import "dice"; export default { fetch: () => new Response("ok") };`,
    "node_modules/dice/package.json": `{ "name": "dice", "version": "1.0.0", "type": "module", "main": "main.js" }`,
    "node_modules/dice/main.js": `import * as tsfn from "tsfn"; tsfn.onFork(() => "rolled");`,
  });
  const hooks: (() => unknown)[] = [];
  await load(t, text, hooks);
  t.deepEqual(
    hooks.map((hook) => hook()),
    ["rolled"],
  );
});

test("a module that imports types only has nothing of tsfn in its bundle", async (t) => {
  const text = await bundled(t, {
    "index.ts": `import type { ExportedHandler } from "tsfn";
      export default { fetch: () => new Response("ok") } satisfies ExportedHandler;`,
  });
  t.notRegex(text, /onFork|from ?"tsfn"/);
});

test("what tsfn does not export is refused at the place of the import", async (t) => {
  const building = bundled(t, { "index.ts": `import { onSpoon } from "tsfn"; onSpoon(() => {});` });
  const error = await t.throwsAsync(building, { instanceOf: TsfnError, code: "BUNDLE_FAILED" });
  const [problem] = error?.fields.problems ?? [];
  t.regex(problem?.message ?? "", /onSpoon/);
  t.like(problem, { file: "index.ts", line: 1 });
});
