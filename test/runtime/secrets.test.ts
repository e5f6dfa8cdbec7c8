// Secrets that change while functions that use them come and go, through the whole runtime, with real instances.

import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test, { type ExecutionContext } from "ava";
import type { FunctionVersion } from "../../runtime/catalog/index.ts";
import { createRuntime, type RuntimeParts } from "../../runtime/runtime.ts";
import { temporaryDirectory } from "../support/function-directory.ts";
import { testVersion } from "../support/gateway.ts";
import { openTestRuntime, type TestRuntime } from "../support/test-runtime.ts";
import { until } from "../support/until.ts";

const names = { secrets: ["TOKEN"] };
const telling = `const token = process.env.TOKEN; export default { fetch: () => new Response(token) };`;

/** The source of a function whose instances start only while they are released; `begun` is there once one was held. */
function heldStart(t: ExecutionContext) {
  const directory = temporaryDirectory(t);
  const [begun, released] = [join(directory, "begun"), join(directory, "released")];
  const source = `import { existsSync, writeFileSync } from "node:fs";
    writeFileSync(${JSON.stringify(begun)}, "");
    while (!existsSync(${JSON.stringify(released)})) await new Promise((resolve) => setTimeout(resolve, 10));
    ${telling}`;
  const hold = () => {
    for (const path of [begun, released]) rmSync(path);
  };
  return { source, begun, hold, release: () => writeFileSync(released, "") };
}

async function openWith(t: ExecutionContext, value: string): Promise<TestRuntime> {
  const opened = await openTestRuntime(t);
  await opened.runtime.putSecret("TOKEN", value);
  return opened;
}

/** Gives the secret another value, and waits until that is stored; `done` resolves when its users have it. */
async function changeTo({ runtime }: TestRuntime, value: string) {
  const updatedAt = () => runtime.secrets()[0]?.updatedAt;
  const before = updatedAt();
  await until("the clock goes on", () => new Date().toISOString() !== before);
  const done = runtime.putSecret("TOKEN", value);
  done.catch(() => undefined);
  await until("the value is stored", () => updatedAt() !== before);
  return { done };
}

test("a user that is removed while another one gets the new value is no failure, and the others get it", async (t) => {
  const opened = await openWith(t, "old");
  const { runtime } = opened;
  for (const name of ["first", "second", "third"]) await opened.deploy(name, telling, names);
  const held = heldStart(t);
  const deploying = opened.deploy("first", held.source, names);
  await until("the new version starts", () => existsSync(held.begun));
  const { done } = await changeTo(opened, "new");
  await runtime.remove("second");
  held.release();
  await deploying;
  await t.notThrowsAsync(done);
  t.is(await opened.text("first"), "new");
  t.is(await opened.text("third"), "new");
});

test("a version that is being deployed when the value changes has the new one when both are done", async (t) => {
  const opened = await openWith(t, "old");
  const held = heldStart(t);
  const deploying = opened.deploy("coming", held.source, names);
  await until("its first instance starts", () => existsSync(held.begun));
  const { done } = await changeTo(opened, "new");
  held.release();
  await Promise.all([deploying, done]);
  t.is(await opened.text("coming"), "new");
});

test("so has a version that a rollback makes live again", async (t) => {
  const opened = await openWith(t, "old");
  const held = heldStart(t);
  held.release();
  await opened.deploy("back", held.source, names);
  await opened.deploy("back", "export default { fetch: () => new Response('none') };");
  held.hold();
  const rolling = opened.runtime.rollback("back", 1);
  await until("its first instance starts", () => existsSync(held.begun));
  const { done } = await changeTo(opened, "new");
  held.release();
  await Promise.all([rolling, done]);
  t.is(await opened.text("back"), "new");
});

test("a secret that a version names which is being deployed cannot be deleted, and can when that has failed", async (t) => {
  const opened = await openWith(t, "old");
  const { runtime } = opened;
  const held = heldStart(t);
  const deploying = opened.deploy("coming", `${held.source}\nthrow new Error("no luck");`, names);
  await until("its first instance starts", () => existsSync(held.begun));
  await t.throwsAsync(runtime.deleteSecret("TOKEN"), {
    code: "SECRET_IN_USE",
    message: /coming that is being deployed/,
  });
  held.release();
  await t.throwsAsync(deploying, { code: "LOAD_FAILED" });
  await runtime.deleteSecret("TOKEN");
  await t.throwsAsync(opened.deploy("coming", telling, names), { code: "SECRET_NOT_FOUND" });
});

test("a user whose instances cannot be replaced is told of, after the others have got the new value", async (t) => {
  const versions = ["first", "second", "third"].map((name): FunctionVersion => {
    const version = testVersion(name);
    return { ...version, manifest: { ...version.manifest, ...names } };
  });
  const swapped: string[] = [];
  const parts = {
    catalog: { list: () => versions, current: (name: string) => versions.find((each) => each.function === name) },
    secrets: { put: async () => undefined },
    pools: {
      candidate: (version: FunctionVersion) => version,
      swap: async ({ function: name }: FunctionVersion) => {
        if (name === "first") throw new Error("no room");
        swapped.push(name);
      },
      all: () => [],
    },
  };
  const runtime = createRuntime(parts as unknown as RuntimeParts);
  const message = "TOKEN is kept, but not every instance was replaced: first: no room";
  await t.throwsAsync(runtime.putSecret("TOKEN", "new"), { code: "INTERNAL", message });
  t.deepEqual(swapped, ["second", "third"]);
});
