// Lambda functions: payload 2.0 in and out, the context, and response streams.

import { Readable } from "node:stream";
import { gzipSync } from "node:zlib";
import test from "ava";
import type { TsfnError } from "../../../runtime/errors.ts";
import { bodyOf, startFunction, textOf, until } from "../../support/live-function.ts";

const echo = `export const handler = async (event, context) => ({ event, context: { ...context, left: context.getRemainingTimeInMillis() } });`;

test("the event is a payload of format 2.0", async (t) => {
  const { call } = await startFunction(t, echo);
  const headers = ["host", "h.example:8080", "x-a", "1", "x-a", "2", "cookie", "s=1; t=2", "user-agent", "ua"];
  headers.push("content-type", "application/json", "x-forwarded-for", "192.0.2.7");
  const request = {
    method: "POST",
    url: "http://h.example:8080/a%20b?q=1&q=2&r=%26",
    headers,
    body: bodyOf(`{"x":"é"}`),
  };
  const { event } = JSON.parse(await textOf(await call({ ...request, requestId: "id-1" })));
  const { time, timeEpoch, ...context } = event.requestContext;
  t.deepEqual(
    { ...event, requestContext: context },
    {
      version: "2.0",
      routeKey: "$default",
      rawPath: "/a b",
      rawQueryString: "q=1&q=2&r=%26",
      cookies: ["s=1", "t=2"],
      headers: {
        host: "h.example:8080",
        "x-a": "1,2",
        "user-agent": "ua",
        "content-type": "application/json",
        "x-forwarded-for": "192.0.2.7",
      },
      queryStringParameters: { q: "1,2", r: "&" },
      requestContext: {
        accountId: "anonymous",
        apiId: "test",
        domainName: "h.example",
        domainPrefix: "h",
        http: { method: "POST", path: "/a b", protocol: "HTTP/1.1", sourceIp: "192.0.2.7", userAgent: "ua" },
        requestId: "id-1",
        routeKey: "$default",
        stage: "$default",
      },
      body: `{"x":"é"}`,
      isBase64Encoded: false,
    },
  );
  t.regex(time, /^\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000$/);
  t.true(Math.abs(timeEpoch - Date.now()) < 60_000);
});

test("a body that is no text arrives as base64, and one that returns as base64 leaves as bytes", async (t) => {
  const source = `export const handler = async ({ body, isBase64Encoded }) =>
    ({ statusCode: 200, body, isBase64Encoded, headers: { "content-type": "image/png", "x-was": String(isBase64Encoded) } });`;
  const { call } = await startFunction(t, source);
  const bytes = Buffer.from([0, 255, 13, 10, 128]);
  const answer = await call({ method: "POST", headers: ["content-type", "image/png"], body: bodyOf(bytes) });
  t.deepEqual(
    Buffer.from(answer.body instanceof Readable ? Buffer.concat(await answer.body.toArray()) : (answer.body ?? [])),
    bytes,
  );
  t.deepEqual(answer.headers, ["content-type", "image/png", "x-was", "true"]);
});

test("a body of a text type arrives as base64 when it is compressed, or no UTF-8", async (t) => {
  const { call } = await startFunction(
    t,
    `export const handler = async ({ body, isBase64Encoded }) => ({ body, isBase64Encoded });`,
  );
  const type = ["content-type", "application/json"];
  const seen = async (body: Buffer, ...headers: string[]): Promise<unknown> =>
    JSON.parse(await textOf(await call({ method: "POST", headers: [...type, ...headers], body: bodyOf(body) })));
  const bodies = { text: Buffer.from('"ü"'), latin1: Buffer.from('"ü"', "latin1"), zipped: gzipSync('"ü"') };
  t.deepEqual(await seen(bodies.text), { body: '"ü"', isBase64Encoded: false });
  t.deepEqual(await seen(bodies.text, "content-encoding", "identity"), { body: '"ü"', isBase64Encoded: false });
  t.deepEqual(await seen(bodies.latin1), { body: bodies.latin1.toString("base64"), isBase64Encoded: true });
  // A short one may look like a text.
  for (const [encoding, body] of [
    ["gzip", bodies.zipped],
    ["br", bodies.text],
  ] as const) {
    const expected = { body: body.toString("base64"), isBase64Encoded: true };
    t.deepEqual(await seen(body, "content-encoding", encoding), expected);
  }
});

test("what is returned becomes the answer: structured, or inferred where there is no statusCode", async (t) => {
  const source = `const results = {
      "/full": { statusCode: 201, headers: { "x-n": 1 }, cookies: ["a=1", "b=2"], body: "made" },
      "/bare": { statusCode: 204 },
      "/text": "just text",
      "/object": { hello: "world" },
      "/nothing": undefined,
      "/status": { statusCode: 99 }, "/word": { statusCode: {} }, "/body": { statusCode: 200, body: { no: 1 } },
      "/header": { statusCode: 200, headers: { "x-a": "b\\r\\nc: d" } }, "/list": { statusCode: 200, headers: { a: [] } },
    };
    export const handler = async ({ rawPath }) => results[rawPath];`;
  const { call } = await startFunction(t, source);
  const at = (path: string) => call({ url: `http://h${path}` });
  const full = await at("/full");
  t.is(full.status, 201);
  t.deepEqual(full.headers, ["x-n", "1", "set-cookie", "a=1", "set-cookie", "b=2", "content-type", "application/json"]);
  t.is(await textOf(full), "made");
  t.like(await at("/bare"), { status: 204, body: null });
  t.is(await textOf(await at("/text")), "just text");
  t.is(await textOf(await at("/object")), `{"hello":"world"}`);
  t.is(await textOf(await at("/nothing")), "null");
  for (const path of ["/status", "/word", "/body", "/header", "/list"]) {
    await t.throwsAsync(at(path), { code: "FUNCTION_BAD_RESPONSE" }, path);
  }
  t.is((await at("/full")).status, 201);
});

test("the context and the environment are those of a Lambda function", async (t) => {
  const source = `const atLoad = process.env.AWS_LAMBDA_FUNCTION_NAME ?? "not yet";
    export const handler = async (event, context) =>
      ({ context, left: context.getRemainingTimeInMillis(), env: process.env, atLoad });`;
  for (const handler of ["auto", "lambda"] as const) {
    const { call, instance } = await startFunction(t, source, { handler, env: { AWS_REGION: "eu-central-1" } });
    const seen = JSON.parse(await textOf(await call({ requestId: "id-1" })));
    t.deepEqual(seen.context, {
      functionName: "test",
      functionVersion: "3",
      invokedFunctionArn: "arn:aws:lambda:eu-central-1:000000000000:function:test",
      memoryLimitInMB: "256",
      awsRequestId: "id-1",
      logGroupName: "/aws/lambda/test",
      logStreamName: instance.id,
    });
    t.true(seen.left > 0 && seen.left <= 30_000);
    t.like(seen.env, {
      _HANDLER: "index.handler",
      LAMBDA_TASK_ROOT: "/app",
      AWS_REGION: "eu-central-1",
      AWS_LAMBDA_FUNCTION_NAME: "test",
      AWS_LAMBDA_FUNCTION_VERSION: "3",
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "256",
    });
    t.is(seen.atLoad, handler === "lambda" ? "test" : "not yet");
  }
});

test("a stream's head comes from HttpResponseStream.from or setContentType, its body as it is written", async (t) => {
  const source = `import { pipeline } from "node:stream/promises";
    import { Readable } from "node:stream";
    export const handler = awslambda.streamifyResponse(async (event, responseStream, context) => {
      if (event.rawPath === "/type") { responseStream.setContentType("text/plain"); responseStream.write("typed"); return responseStream.end(); }
      if (event.rawPath === "/plain") return responseStream.end("plain");
      if (event.rawPath === "/empty") return responseStream.end();
      const stream = awslambda.HttpResponseStream.from(responseStream, { statusCode: 203, headers: { "x-a": "1" }, cookies: ["c=1"] });
      await pipeline(Readable.from(async function* () { for (let n = 0; n < 3; n += 1) yield "piece " + n + ";"; }()), stream);
    });`;
  const { call } = await startFunction(t, source);
  const streamed = await call();
  t.is(streamed.status, 203);
  t.deepEqual(streamed.headers, ["x-a", "1", "set-cookie", "c=1", "content-type", "application/octet-stream"]);
  t.is(await textOf(streamed), "piece 0;piece 1;piece 2;");
  const typed = await call({ url: "http://h/type" });
  t.deepEqual(typed.headers, ["content-type", "text/plain"]);
  t.is(await textOf(typed), "typed");
  t.is(await textOf(await call({ url: "http://h/plain" })), "plain");
  t.is(await textOf(await call({ url: "http://h/empty" })), "");
});

test("a stream's writer waits for a reader that does not read", async (t) => {
  const source = `export const handler = awslambda.streamifyResponse(async (event, responseStream) => {
      let written = 0;
      const piece = Buffer.alloc(65536, "x");
      while (written < 64 * 2 ** 20) {
        written += piece.length;
        if (!responseStream.write(piece)) {
          console.log(written);
          await new Promise((resolve) => responseStream.once("drain", resolve));
        }
      }
      responseStream.end();
      console.log("all");
    });`;
  const { call, lines } = await startFunction(t, source);
  const { body } = await call();
  await until(() => lines.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.true(Number(lines.at(-1)?.msg) < 8 * 2 ** 20, lines.at(-1)?.msg);
  let bytes = 0;
  for await (const chunk of body as Readable) bytes += chunk.length;
  t.is(bytes, 64 * 2 ** 20);
});

test("an error before the first byte is the call's, one after it breaks the body, and the next call is answered", async (t) => {
  const source = `export const handler = awslambda.streamifyResponse(async (event, responseStream) => {
      if (event.rawPath === "/early") throw new TypeError("early");
      responseStream.write("begun");
      if (event.rawPath === "/late") throw new TypeError("late");
      responseStream.end();
    });`;
  const { call, lines } = await startFunction(t, source);
  await t.throwsAsync(call({ url: "http://h/early" }), { code: "FUNCTION_ERROR" });
  await t.throwsAsync(async () => await textOf(await call({ url: "http://h/late" })), { code: "FUNCTION_ERROR" });
  await until(() => ["early", "late"].every((when) => lines.some(({ msg }) => msg.startsWith(`TypeError: ${when}`))));
  t.is(await textOf(await call()), "begun");
});

test("an invocation of the Invoke API is its event, and an error is a document with its type and trace", async (t) => {
  const source = `export const handler = async (event, { invokedFunctionArn, clientContext }) => {
      if (event === null || event.fail) throw new RangeError("no such thing");
      return event.nothing ? undefined : { event, invokedFunctionArn, clientContext };
    };`;
  const { call, lines } = await startFunction(t, source);
  const arn = "arn:aws:lambda:us-east-1:000000000000:function:test:7";
  const context = Buffer.from(`{"custom":{"a":1}}`).toString("base64");
  const headers = ["x-tsfn-lambda-arn", arn, "x-tsfn-lambda-client-context", context];
  const invoke = (event: unknown) => call({ method: "POST", headers, body: bodyOf(JSON.stringify(event)) });
  const answer = JSON.parse(await textOf(await invoke({ n: 1 })));
  t.deepEqual(answer, { event: { n: 1 }, invokedFunctionArn: arn, clientContext: { custom: { a: 1 } } });
  t.is(await textOf(await invoke({ nothing: true })), "null");
  const thrown = { name: "RangeError", message: "no such thing" };
  const failed = await t.throwsAsync<TsfnError>(invoke({ fail: true }), { code: "FUNCTION_ERROR" });
  t.like(failed?.fields.thrown ?? {}, thrown);
  await until(() => lines.some(({ msg }) => msg.startsWith("RangeError: no such thing")));
});
