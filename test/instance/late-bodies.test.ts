// Bodies of requests that are read only after the answer, by work that `waitUntil` keeps the invocation open for.

import { PassThrough } from "node:stream";
import test from "ava";
import { limits } from "../../runtime/wire/index.ts";
import { bodyOf, startFunction, textOf, until } from "../support/live-function.ts";

/** Answers at once, and reads the body 100 ms later. */
const late = `export default { fetch(request, env, ctx) {
  const read = async () => {
    await new Promise((resolve) => setTimeout(resolve, 100));
    console.log(await request.text().then(({ length }) => length + " characters", ({ message }) => message));
  };
  ctx.waitUntil(read());
  return new Response("accepted", { status: 202 });
} };`;

test("work that goes on after the answer reads the body that had come", async (t) => {
  const { call, lines, reports } = await startFunction(t, late);
  t.is(await textOf(await call({ body: bodyOf("hello ", "world") })), "accepted");
  await until(() => reports.length > 0);
  t.deepEqual([lines.map(({ msg }) => msg), reports[0]?.outcome], [["11 characters"], "ok"]);
});

test("it reads also what comes after the answer", async (t) => {
  const { call, lines, reports } = await startFunction(t, late);
  const body = new PassThrough();
  body.write("hello");
  t.is(await textOf(await call({ body, method: "POST" })), "accepted");
  body.end(Buffer.alloc(100_000));
  await until(() => reports.length > 0);
  t.deepEqual([lines.map(({ msg }) => msg), reports[0]?.outcome], [["100005 characters"], "ok"]);
});

test("a body that is too long to wait is swallowed: the client is not held back, and who reads it learns why", async (t) => {
  const { call, lines, reports } = await startFunction(t, late);
  const pieces = Array.from({ length: 64 }, () => Buffer.alloc(limits.windowBytes / 4));
  const body = bodyOf(...pieces);
  t.is(await textOf(await call({ body })), "accepted");
  await until(() => body.readableEnded);
  t.deepEqual(reports, []);
  await until(() => reports.length > 0);
  t.deepEqual(reports[0]?.outcome, "ok");
  t.regex(
    lines[0]?.msg ?? "",
    /^the body was not read before the answer was complete, and has more than the 262144 bytes/,
  );
});
