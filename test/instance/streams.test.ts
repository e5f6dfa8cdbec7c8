// Bodies in both directions: whole, in order, held back by a slow reader, given up by whoever leaves.

import { createHash, randomBytes } from "node:crypto";
import { PassThrough, Readable } from "node:stream";
import test from "ava";
import { TsfnError } from "../../runtime/errors.ts";
import { bodyOf, startFunction, textOf, until } from "../support/live-function.ts";

const mib = 2 ** 20;
const echo = `export default { fetch: (request) => new Response(request.body) };`;

test("100 MiB stream through a function unchanged, and never more than a few are on their way", async (t) => {
  const { call } = await startFunction(t, echo);
  const sent = createHash("sha256");
  const received = createHash("sha256");
  const piece = randomBytes(mib);
  let sentBytes = 0;
  let receivedBytes = 0;
  let mostAheadBytes = 0;
  const body = Readable.from(
    (function* () {
      while (sentBytes < 100 * mib) {
        sent.update(piece);
        sentBytes += piece.length;
        mostAheadBytes = Math.max(mostAheadBytes, sentBytes - receivedBytes);
        yield piece;
      }
    })(),
    { objectMode: false },
  );
  const answer = await call({ body });
  for await (const chunk of answer.body ?? []) {
    received.update(chunk);
    receivedBytes += chunk.length;
  }
  t.is(receivedBytes, 100 * mib);
  t.is(received.digest("hex"), sent.digest("hex"));
  t.true(mostAheadBytes <= 8 * mib, `${mostAheadBytes} bytes were on their way`);
});

test("a caller that does not read holds the function back", async (t) => {
  const { call, lines } = await startFunction(
    t,
    `export default { fetch() {
      let sent = 0;
      return new Response(new ReadableStream({ pull(controller) {
        if (sent >= 4 * ${mib}) return controller.close();
        sent += 65536; controller.enqueue(new Uint8Array(65536));
        if (sent % 65536 === 0) console.log(sent);
      } }));
    } };`,
  );
  const answer = await call();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const ahead = Number(lines.at(-1)?.msg);
  t.true(ahead > 0 && ahead <= mib, `${ahead} bytes were made for a reader that reads nothing`);
  t.is((await textOf(answer)).length, 4 * mib);
});

test("a function that does not read holds the client back, and an answer without reading frees it", async (t) => {
  const { call } = await startFunction(
    t,
    `export default { async fetch(request) {
      await new Promise((resolve) => setTimeout(resolve, 200));
      return new Response("never read it");
    } };`,
  );
  let pulled = 0;
  const body = new Readable({
    read() {
      pulled += 1;
      this.push(pulled <= 64 ? Buffer.alloc(65_536) : null);
    },
  });
  const answering = call({ body });
  await new Promise((resolve) => setTimeout(resolve, 100));
  const pulledEarly = pulled;
  t.true(pulledEarly * 65_536 <= mib, `${pulledEarly} pieces were read for a function that reads none`);
  t.is(await textOf(await answering), "never read it");
  await until(() => pulled > 64);
  t.pass("the rest of the upload was swallowed");
});

test("pieces arrive as they are sent, in both directions at once", async (t) => {
  const { call } = await startFunction(t, echo);
  const body = new PassThrough();
  const answer = await call({ body, method: "POST" });
  t.true(answer.body instanceof Readable);
  const reader = (answer.body as Readable).iterator();
  for (const word of ["one", "two", "three"]) {
    body.write(word);
    t.is(String((await reader?.next())?.value), word);
  }
  body.end();
  t.true((await reader?.next())?.done);
});

test("a client that leaves aborts the signals and ends the body the function reads", async (t) => {
  const live = await startFunction(
    t,
    `export default { async fetch(request, env, ctx) {
      request.signal.addEventListener("abort", () => console.log("request.signal " + request.signal.reason.name));
      ctx.signal.addEventListener("abort", () => console.log("ctx.signal " + ctx.signal.reason.name));
      await request.text().catch((error) => console.log("body " + error.name));
      return new Response("for nobody");
    } };`,
  );
  const client = new AbortController();
  const answering = live.call({ signal: client.signal, body: new PassThrough(), method: "POST", requestId: "left" });
  await new Promise((resolve) => setTimeout(resolve, 100));
  client.abort(new TsfnError("CLIENT_CLOSED", "gone"));
  t.is((await t.throwsAsync<TsfnError>(answering))?.message, "gone");
  await until(() => live.reports.length === 1);
  t.is(live.reports[0]?.outcome, "CLIENT_CLOSED");
  const said = live.lines.filter(({ requestId }) => requestId === "left").map(({ msg }) => msg);
  t.deepEqual(said.sort(), ["body AbortError", "ctx.signal AbortError", "request.signal AbortError"]);
  t.is(live.instance.state, "ready", "a function that listens is used again");
});

test("a caller that drops the answer's body stops the function's stream", async (t) => {
  const live = await startFunction(
    t,
    `export default { fetch() {
      return new Response(new ReadableStream({
        pull: (controller) => controller.enqueue(new Uint8Array(1000)),
        cancel: (reason) => console.log("cancelled: " + reason.name),
      }));
    } };`,
  );
  const answer = await live.call();
  for await (const _ of answer.body ?? []) break;
  await until(() => live.reports.length === 1);
  t.is(live.reports[0]?.outcome, "CLIENT_CLOSED");
  t.true(live.lines.some(({ msg }) => msg === "cancelled: AbortError"));
});

test("an upload that fails ends the invocation with its error", async (t) => {
  const live = await startFunction(t, `export default { fetch: async (r) => new Response(await r.text()) };`);
  const body = new PassThrough();
  const answering = live.call({ body, method: "POST" });
  body.write("some");
  body.destroy(new TsfnError("BODY_TOO_LARGE", "too much"));
  t.is((await t.throwsAsync<TsfnError>(answering))?.code, "BODY_TOO_LARGE");
  const cutOff = new PassThrough();
  const second = live.call({ body: cutOff, method: "POST" });
  cutOff.destroy();
  t.is((await t.throwsAsync<TsfnError>(second))?.code, "CLIENT_CLOSED");
});

test("an invocation whose client left before the hand-over is not handed over", async (t) => {
  const live = await startFunction(t, echo);
  const signal = AbortSignal.abort(new TsfnError("CLIENT_CLOSED", "left while waiting"));
  t.is((await t.throwsAsync<TsfnError>(live.call({ signal })))?.message, "left while waiting");
  t.is(live.instance.inFlight, 0);
});

test("a body that yields something else than bytes fails the answer and says so in the log", async (t) => {
  const live = await startFunction(
    t,
    `export default { fetch: () => new Response(new ReadableStream({ start(c) { c.enqueue({}); c.close(); } })) };`,
  );
  const answer = await live.call();
  const error = await t.throwsAsync<TsfnError>(textOf(answer));
  t.is(error?.code, "FUNCTION_BAD_RESPONSE");
  t.regex(error?.message ?? "", /yielded an object of class Object; wanted a Uint8Array/);
});

test("a function that stops at its deadline is used again; its caller got FUNCTION_TIMEOUT", async (t) => {
  const live = await startFunction(
    t,
    `export default { fetch: (request, env, ctx) => request.url.endsWith("quick") ? new Response("quick")
      : new Promise((_, reject) => ctx.signal.addEventListener("abort", () => reject(ctx.signal.reason))) };`,
    { limits: { timeoutMs: 200 } },
  );
  t.is((await t.throwsAsync<TsfnError>(live.call()))?.code, "FUNCTION_TIMEOUT");
  await until(() => live.reports.length === 1);
  t.is(live.instance.state, "ready");
  t.is(await textOf(await live.call({ url: "http://h/quick" })), "quick");
  t.deepEqual(live.lines, [], "that it threw what its signal told it is no news");
});

test("ten invocations at a time get their own answers, bodies and log lines", async (t) => {
  const live = await startFunction(
    t,
    `export default { async fetch(request) {
      const word = await request.text();
      console.log("log " + word);
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
      process.stdout.write("half ");
      await null;
      process.stdout.write(word + "\\n");
      await new Promise((resolve) => setTimeout(() => resolve(console.error("err " + word)), 1));
      return new Response(word);
    } };`,
    { concurrency: 10 },
  );
  const words = Array.from({ length: 100 }, (_, at) => `word-${at}`);
  for (let at = 0; at < words.length; at += 10) {
    const ten = words.slice(at, at + 10);
    const answers = await Promise.all(
      ten.map(async (word) => textOf(await live.call({ requestId: word, method: "POST", body: bodyOf(word) }))),
    );
    t.deepEqual(answers, ten);
  }
  await until(() => live.reports.length === words.length);
  for (const word of words) {
    const own = live.lines.filter(({ requestId }) => requestId === word);
    t.deepEqual(own.map(({ stream, level, msg }) => `${stream} ${level} ${msg}`).sort(), [
      `stderr error err ${word}`,
      `stdout info half ${word}`,
      `stdout info log ${word}`,
    ]);
  }
});

test("what a function first prints when its invocation is over is in the log without it, and harms none", async (t) => {
  const live = await startFunction(
    t,
    `export default { fetch() {
       setTimeout(() => console.log("much later"), 50);
       return new Response("early");
     } };`,
  );
  t.is(await textOf(await live.call({ requestId: "a" })), "early");
  await until(() => live.lines.length > 0);
  t.like(live.lines, [{ msg: "much later", stream: "stdout", requestId: undefined }]);
  t.is(await textOf(await live.call({ requestId: "b" })), "early");
  t.is(live.instance.state, "ready");
});

test("console levels, lines without an end, JSON lines and native writes reach the log", async (t) => {
  const live = await startFunction(
    t,
    `import { writeSync } from "node:fs";
     console.log("at load");
     export default { fetch() {
       console.debug("d"); console.info("i"); console.log("l %d", 1); console.warn("w"); console.error("e");
       console.log(JSON.stringify({ a: 1 }));
       process.stderr.write("two\\nlines");
       writeSync(1, "native out\\n"); writeSync(2, "native err\\n");
       return new Response();
     } };`,
  );
  await live.call({ requestId: "r" });
  await until(() => live.reports.length === 1 && live.lines.length >= 11);
  const seen = live.lines.map(({ stream, level, msg, requestId }) => `${requestId ?? "-"} ${stream} ${level} ${msg}`);
  for (const line of [
    "- stdout info at load",
    "r stdout debug d",
    "r stdout info i",
    "r stdout info l 1",
    "r stderr warn w",
    "r stderr error e",
    "r stderr error two",
    "r stderr error lines",
  ]) {
    t.true(seen.includes(line), `${line} in\n${seen.join("\n")}`);
  }
  t.true(seen.includes('r stdout info {"a":1}'));
  for (const words of ["stdout info native out", "stderr error native err"]) {
    t.true(seen.some((line) => line.endsWith(words)));
  }
});
