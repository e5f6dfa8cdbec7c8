// The Runtime API as a program sees it, and what its answers become: order, concurrency, and programs that misbehave. Real
// programs in real sandboxes are in test/e2e/provided.test.ts.

import { request as openRequest } from "node:http";
import test, { type ExecutionContext } from "ava";
import type { IncomingCall, ResponseLike } from "../../../runtime/guest/handlers/handler.ts";
import { openRuntimeApi } from "../../../runtime/guest/handlers/runtime-api.ts";

interface Options {
  readonly requestId?: string;
  readonly signal?: AbortSignal;
  readonly headers?: readonly string[];
}

async function openApi(t: ExecutionContext) {
  const api = await openRuntimeApi(0);
  t.teardown(() => api.close());
  const base = `http://${api.address}/2018-06-01/runtime/`;
  const next = async () => {
    const response = await fetch(`${base}invocation/next`);
    const { rawPath } = (await response.json()) as { rawPath: string };
    return { id: response.headers.get("lambda-runtime-aws-request-id") ?? "", rawPath };
  };
  const post = async (path: string, body: string) => {
    const response = await fetch(base + path, { method: "POST", body });
    return { status: response.status, document: (await response.json()) as { errorType?: string } };
  };
  /** An invocation; `over` resolves when all of it is. */
  const call = (
    path: string,
    { requestId = path, signal = new AbortController().signal, headers = [] }: Options = {},
  ) => {
    const work: Promise<unknown>[] = [];
    const incoming: IncomingCall = {
      ...{ method: "GET", url: `http://localhost/${path}`, headers, body: null, env: { TSFN_FUNCTION_NAME: "f" } },
      context: {
        ...{ requestId, signal, deadline: new Date(Date.now() + 60_000), remainingMs: () => 60_000 },
        waitUntil: (promise) => void work.push(promise),
      },
      request(): Request {
        throw new Error("nobody asks for it");
      },
    };
    const answer = api.handler.answer(incoming) as Promise<ResponseLike>;
    const isOver = async () => await Promise.race([Promise.all(work).then(() => true), settled().then(() => false)]);
    return { answer, isOver };
  };
  return { api, next, post, call };
}

/** Everything that can happen without the outside has happened. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

const textOf = async ({ body }: ResponseLike) => await new Response(body).text();

test("an invocation is over when the program asks for the next one, not when it has answered", async (t) => {
  const { api, next, post, call } = await openApi(t);
  const first = call("one");
  const { id, rawPath } = await next();
  await api.ready;
  t.is(rawPath, "/one");
  t.deepEqual(await post(`invocation/${id}/response`, `"hi"`), { status: 202, document: { status: "OK" } as object });
  t.is(await textOf(await first.answer), "hi");
  t.false(await first.isOver());
  const asking = next();
  const second = call("two");
  t.is((await asking).rawPath, "/two");
  t.true(await first.isOver());
  t.false(await second.isOver());
});

test("a program may work on several at once and answer in another order", async (t) => {
  const { next, post, call } = await openApi(t);
  const calls = ["a", "b", "c"].map((path) => call(path));
  const taken = await Promise.all([next(), next(), next()]);
  t.deepEqual(taken.map(({ rawPath }) => rawPath).sort(), ["/a", "/b", "/c"]);
  for (const { id, rawPath } of taken.reverse()) await post(`invocation/${id}/response`, JSON.stringify(rawPath));
  const answers = await Promise.all(calls.map(async ({ answer }) => await textOf(await answer)));
  t.deepEqual(answers, ["/a", "/b", "/c"]);
});

test("requests with the same id, or one that no path can hold, get ids of their own", async (t) => {
  const { next, call } = await openApi(t);
  for (const path of ["a", "b"]) call(path, { requestId: "same" });
  call("c", { requestId: ".." });
  const ids = [(await next()).id, (await next()).id, (await next()).id];
  t.is(ids[0], "same");
  t.is(new Set(ids).size, 3);
  t.regex(ids[2] ?? "", /^[0-9a-f]{8}-/);
});

test("an invocation is answered once; a second answer, and one to an unknown id, is refused", async (t) => {
  const { next, post, call } = await openApi(t);
  const { answer } = call("one");
  const { id } = await next();
  await post(`invocation/${id}/response`, `{"statusCode":201,"headers":{"x-a":"1"},"body":"made"}`);
  const { status, headers } = await answer;
  t.is(status, 201);
  t.true([...headers].some(([name, value]) => name === "x-a" && value === "1"));
  for (const path of [`invocation/${id}/response`, `invocation/${id}/error`, "invocation/other/response"]) {
    const refused = await post(path, "1");
    t.deepEqual([refused.status, refused.document.errorType], [400, "InvalidRequestID"], path);
  }
});

test("an answer that is no JSON is its own text, an impossible one is the function's error", async (t) => {
  const { next, post, call } = await openApi(t);
  const plain = call("plain");
  await post(`invocation/${(await next()).id}/response`, "hello, world");
  const answer = await plain.answer;
  t.deepEqual([...answer.headers], [["content-type", "text/plain; charset=utf-8"]]);
  t.is(await textOf(answer), "hello, world");
  const odd = call("odd");
  await post(`invocation/${(await next()).id}/response`, `{"statusCode":{}}`);
  await t.throwsAsync(odd.answer, { name: "BadResponse", message: /statusCode is an object/ });
});

test("an error is what the program says of it, however it says it", async (t) => {
  const { next, post, call } = await openApi(t);
  const reports: readonly (readonly [string, string, string])[] = [
    [`{"errorType":"E","errorMessage":"m","stackTrace":["at x"]}`, "E", "m"],
    ["it broke", "Unhandled", "it broke"],
    ["[]", "Unhandled", ""],
    ["", "Unhandled", ""],
    ["x".repeat(300_000), "Unhandled", "the report is too long to be read"],
  ];
  for (const [body, name, message] of reports) {
    const { answer } = call("one");
    t.is((await post(`invocation/${(await next()).id}/error`, body)).status, 202);
    await t.throwsAsync(answer, { name, message });
  }
});

test("an answer that is too long is an error, and refused", async (t) => {
  const { next, post, call } = await openApi(t);
  const { answer } = call("one");
  const [{ status }] = await Promise.all([
    next().then(({ id }) => post(`invocation/${id}/response`, "x".repeat(7 * 2 ** 20))),
    t.throwsAsync(answer, { name: "Function.ResponseSizeTooLarge" }),
  ]);
  t.is(status, 413);
});

test("who leaves before the program has taken the invocation is forgotten, who leaves after it is not", async (t) => {
  const { next, post, call } = await openApi(t);
  const [early, late] = [new AbortController(), new AbortController()];
  const first = call("one", { signal: early.signal });
  early.abort(new Error("left"));
  await t.throwsAsync(first.answer, { message: "left" });
  t.true(await first.isOver());
  const second = call("two", { signal: late.signal });
  const { id, rawPath } = await next();
  t.is(rawPath, "/two");
  late.abort(new Error("left"));
  t.false(await second.isOver());
  t.is((await post(`invocation/${id}/response`, "1")).status, 202);
  t.is(await textOf(await second.answer), "1");
});

test("a program that gives up before its first invocation is not ready", async (t) => {
  const { api, post } = await openApi(t);
  const [{ status }] = await Promise.all([
    post("init/error", `{"errorType":"No.Table","errorMessage":"there is none"}`),
    t.throwsAsync(api.ready, { name: "No.Table", message: "there is none" }),
  ]);
  t.is(status, 202);
});

test("a streamed answer has the head it begins with, and fails as its trailers say", async (t) => {
  const { api, next, call } = await openApi(t);
  const stream = async (id: string, type: string, body: string, trailers: Readonly<Record<string, string>> = {}) => {
    const path = `/2018-06-01/runtime/invocation/${id}/response`;
    const mode = { "Lambda-Runtime-Function-Response-Mode": "streaming", "Content-Type": type };
    const headers = { ...mode, "Transfer-Encoding": "chunked", Trailer: Object.keys(trailers).join(", ") };
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const request = openRequest(`http://${api.address}${path}`, { method: "POST", headers }, (response) => {
      response.resume().once("end", () => resolve(response.statusCode ?? 0));
    });
    request.once("error", reject).write(body);
    request.addTrailers(trailers);
    request.end();
    return await promise;
  };
  const headed = "application/vnd.awslambda.http-integration-response";
  const first = call("one");
  const head = JSON.stringify({ statusCode: 418, headers: { "x-a": "1" }, cookies: ["c=1"] });
  t.is(await stream((await next()).id, headed, `${head}${"\0".repeat(8)}tea`), 202);
  const answer = await first.answer;
  t.is(answer.status, 418);
  t.deepEqual(
    [...answer.headers],
    [
      ["x-a", "1"],
      ["set-cookie", "c=1"],
    ],
  );
  t.is(await textOf(answer), "tea");
  const plain = call("two");
  await stream((await next()).id, "image/png", "not json");
  t.deepEqual([...(await plain.answer).headers], [["content-type", "image/png"]]);
  const headless = call("three");
  await stream((await next()).id, headed, "tea");
  await t.throwsAsync(headless.answer, { name: "BadResponse", message: /has no head/ });
  const broken = call("four");
  const report = Buffer.from(`{"errorMessage":"midway"}`).toString("base64");
  const trailers = { "Lambda-Runtime-Function-Error-Type": "Mid.Way", "Lambda-Runtime-Function-Error-Body": report };
  await stream((await next()).id, "text/plain", "half", trailers);
  await t.throwsAsync(broken.answer, { name: "Mid.Way", message: "midway" });
});
