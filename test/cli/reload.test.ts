// A deployment of `tsfn dev` that fails: told, unless it fails because everything is about to end.

import test, { type ExecutionContext } from "ava";
import type { Client } from "../../gateway/cli/client.ts";
import { openReloader } from "../../gateway/cli/dev/reload.ts";
import type { Output } from "../../gateway/cli/output.ts";
import { TsfnError } from "../../runtime/errors.ts";
import { functionOf } from "../support/function-directory.ts";

/** Deploys once to a server that refuses; what was told. */
async function failOnce(t: ExecutionContext, closing: AbortController, atRefusal: () => void): Promise<unknown[]> {
  const told: unknown[] = [];
  const output: Output = {
    json: true,
    line: (text) => told.push(text),
    lines: (texts) => told.push(...texts),
    document: (value) => told.push(value),
    note: (text) => told.push(text),
  };
  const refuse = async (): Promise<never> => {
    atRefusal();
    throw new TsfnError("SANDBOX_FAILED", "the server ends");
  };
  const client: Client = { address: "/none", send: refuse, stream: refuse, json: refuse };
  const directory = functionOf(t, { name: "hello" }, `return new Response("hi");`);
  const reloader = await openReloader(directory, output, closing.signal);
  t.teardown(() => reloader.dispose());
  await reloader.deploy(client, 0);
  return told;
}

test("a deployment that fails is told", async (t) => {
  const [failed, ...others] = await failOnce(t, new AbortController(), () => {});
  t.like(failed, { event: "failed", code: "SANDBOX_FAILED" });
  t.deepEqual(others, []);
});

test("a deployment that is cut off by the end is not", async (t) => {
  const closing = new AbortController();
  t.deepEqual(await failOnce(t, closing, () => closing.abort()), []);
});
