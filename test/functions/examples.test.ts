// The examples of functions/ as plain modules, without a container: what they answer to good and to bad requests.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import type { ExecutionContext as Context, ExportedHandler } from "tsfn";
import echo from "../../functions/echo/index.ts";
import hello from "../../functions/hello/index.ts";
import scribble from "../../functions/scribble/index.ts";
import sleep from "../../functions/sleep/index.ts";
import { temporaryDirectory } from "../support/function-directory.ts";

const call = async (handler: ExportedHandler, path: string, init?: RequestInit, env = {}): Promise<Response> => {
  const { signal } = new AbortController();
  const context: Context = {
    waitUntil: () => {},
    requestId: "test",
    signal,
    deadline: new Date(Date.now() + 1_000),
    remainingMs: () => 1_000,
  };
  return await handler.fetch(new Request(`http://localhost${path}`, init), env, context);
};

test("hello greets the world, greets by name, and greets as its environment says", async (t) => {
  t.deepEqual(await (await call(hello, "/")).json(), { message: "Hello, world!" });
  t.deepEqual(await (await call(hello, "/", { method: "POST", body: '{"name":"you"}' })).json(), {
    message: "Hello, you!",
  });
  t.deepEqual(await (await call(hello, "/", {}, { GREETING: "Hi" })).json(), { message: "Hi, world!" });
});

test("hello refuses what is not JSON or has no name", async (t) => {
  for (const body of ["{", "7", "null", '{"name":7}', "[]"]) {
    t.is((await call(hello, "/", { method: "POST", body })).status, 400, body);
  }
});

test("echo keeps the body and its type", async (t) => {
  const response = await call(echo, "/", { method: "POST", body: "abc", headers: { "content-type": "text/x" } });
  t.is(response.headers.get("content-type"), "text/x");
  t.is(await response.text(), "abc");
});

test("sleep refuses what is no number of milliseconds", async (t) => {
  t.is((await call(sleep, "/?ms=0")).status, 200);
  for (const ms of ["-1", "soon", "1.5"]) t.is((await call(sleep, `/?ms=${ms}`)).status, 400, ms);
});

test("scribble writes files, and finds them the next time", async (t) => {
  const directory = join(temporaryDirectory(t), "notes");
  const path = `/?files=2&dir=${encodeURIComponent(directory)}`;
  t.deepEqual(await (await call(scribble, path)).json(), { directory, found: [], written: 2 });
  t.deepEqual(await (await call(scribble, path)).json(), { directory, found: ["0.txt", "1.txt"], written: 2 });
  t.is(readdirSync(directory).length, 2);
});
