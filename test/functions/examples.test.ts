// The examples of functions/ as plain modules, without a container: what they answer to good and to bad requests.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import type { ExecutionContext as Context, ExportedHandler } from "tsfn";
import count from "../../functions/count/index.ts";
import echo from "../../functions/echo/index.ts";
import exercise from "../../functions/exercise/index.ts";
import hello from "../../functions/hello/index.ts";
import hold from "../../functions/hold/index.ts";
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
  t.is((await call(scribble, "/?how=politely")).status, 400);
});

test("hold answers at once and ends later, or when nobody waits any more", async (t) => {
  const lines = (await call(hold, "/?ms=5")).body?.values() ?? [];
  const texts = [];
  for await (const line of lines) texts.push(Buffer.from(line).toString());
  t.deepEqual(texts, ["held\n", "released\n"]);
  t.is((await call(hold, "/?ms=long")).status, 400);
});

test("count counts within one process and gives the nonce back", async (t) => {
  t.deepEqual(await (await call(count, "/?nonce=a")).json(), { served: 1, nonce: "a" });
  t.deepEqual(await (await call(count, "/?nonce=b")).json(), { served: 2, nonce: "b" });
});

test("exercise uses everything and says what came of it", async (t) => {
  t.deepEqual(await (await call(exercise, "/")).json(), {
    collected: true,
    waited: true,
    file: "file",
    inflated: "zlib",
    key: "07e6997180cf7f12904f04100d405d34",
    sum: 42,
    fetched: "fetch",
  });
});
