// Claims about AWS's own client against the admin API over TCP, with nothing changed but its endpoint.

import {
  CreateAliasCommand,
  CreateFunctionCommand,
  DeleteFunctionCommand,
  GetAliasCommand,
  GetFunctionCommand,
  InvokeCommand,
  type InvokeCommandInput,
  InvokeWithResponseStreamCommand,
  type InvokeWithResponseStreamCompleteEvent,
  LambdaClient,
  type LambdaServiceException,
  ListFunctionsCommand,
  ListVersionsByFunctionCommand,
  PublishVersionCommand,
  TooManyRequestsException,
  UpdateAliasCommand,
  UpdateFunctionCodeCommand,
} from "@aws-sdk/client-lambda";
import test, { type ExecutionContext } from "ava";
import { functionOf } from "../support/function-directory.ts";
import { openRemoteDaemon, type RemoteDaemon } from "../support/remote-daemon.ts";
import { until } from "../support/until.ts";
import { zipOf } from "../support/zip.ts";

const undo: (() => unknown)[] = [];
const owner = { teardown: (step: () => unknown) => void undo.unshift(step) };
let daemon: RemoteDaemon;
let lambda: LambdaClient;
test.before(async () => {
  daemon = await openRemoteDaemon(owner);
  lambda = clientOf(daemon);
  owner.teardown(() => lambda.destroy());
  await create("probe", probe);
});
test.after.always(async () => {
  for (const step of undo) await step();
});

/** As the SDK is set up by whoever uses it. */
function clientOf({ adminUrl, token }: RemoteDaemon, accessKeyId = token): LambdaClient {
  const credentials = { accessKeyId, secretAccessKey: "unused" };
  return new LambdaClient({ endpoint: adminUrl, region: "eu-west-1", credentials, maxAttempts: 1 });
}

const probe = `
export const handler = async (event, context) => {
  console.log("working on " + event.act);
  switch (event.act) {
    case "throw": throw new RangeError("too far");
    case "exit": process.exit(7);
    case "hang": return new Promise((resolve) => setTimeout(resolve, 60_000));
    case "large": return "x".repeat(7 * 2 ** 20);
    case "nothing": return undefined;
    case "context": return { ...context, clientContext: context.clientContext, left: context.getRemainingTimeInMillis() };
    default: return { event, greeting: process.env.GREETING };
  }
};`;

async function create(name: string, code: string, settings: { Timeout?: number; Runtime?: "nodejs24.x" } = {}) {
  return await lambda.send(
    new CreateFunctionCommand({
      FunctionName: name,
      Role: "arn:aws:iam::123456789012:role/any",
      Runtime: "nodejs24.x",
      Handler: "index.handler",
      Code: { ZipFile: zipOf({ "index.mjs": code }) },
      Environment: { Variables: { GREETING: "hi" } },
      ...settings,
    }),
  );
}

async function invoke(event: unknown, options: Partial<InvokeCommandInput> = {}) {
  const payload = event === undefined ? {} : { Payload: JSON.stringify(event) };
  const output = await lambda.send(new InvokeCommand({ FunctionName: "probe", ...payload, ...options }));
  const text = Buffer.from(output.Payload ?? []).toString();
  return { ...output, result: text === "" ? null : JSON.parse(text) };
}

async function refusal(t: ExecutionContext, call: Promise<unknown>): Promise<LambdaServiceException> {
  const error = await t.throwsAsync<LambdaServiceException>(call);
  if (error === undefined) throw new Error("it was not refused");
  return error;
}

test("an event goes in as it is and the result comes out as it is", async (t) => {
  const { StatusCode, FunctionError, ExecutedVersion, result } = await invoke({ act: "echo", deep: [1, { two: "ü" }] });
  t.deepEqual([StatusCode, FunctionError, ExecutedVersion], [200, undefined, "$LATEST"]);
  t.deepEqual(result, { event: { act: "echo", deep: [1, { two: "ü" }] }, greeting: "hi" });
  t.deepEqual((await invoke(undefined)).result, { event: {}, greeting: "hi" });
  t.is((await invoke({ act: "nothing" })).result, null);
});

test("the context tells the function's name, its ARN, the deadline and the client's context", async (t) => {
  const ClientContext = Buffer.from(JSON.stringify({ custom: { a: 1 } })).toString("base64");
  const { result, $metadata } = await invoke({ act: "context" }, { ClientContext });
  t.like(result, { functionName: "probe", clientContext: { custom: { a: 1 } } });
  t.regex(result.invokedFunctionArn, /^arn:aws:lambda:.*:function:probe$/);
  t.is(result.awsRequestId, $metadata.requestId);
  t.true(result.left > 0 && result.left <= 3_000);
});

test("what the function does wrong is an answer with its error, and the next one is right", async (t) => {
  const thrown = await invoke({ act: "throw" });
  t.deepEqual([thrown.StatusCode, thrown.FunctionError], [200, "Unhandled"]);
  t.like(thrown.result, { errorType: "RangeError", errorMessage: "too far" });
  t.regex(thrown.result.trace.join("\n"), /RangeError: too far\n.*index\.mjs:5/);

  const ended = await invoke({ act: "exit" });
  t.is(ended.FunctionError, "Unhandled");
  t.is(ended.result.errorType, "Runtime.ExitError");

  await create("patient", probe, { Timeout: 60 });
  const large = await invoke({ act: "large" }, { FunctionName: "patient" });
  t.like(large.result, { errorType: "Function.ResponseSizeTooLarge" });

  const late = await invoke({ act: "hang" });
  t.is(late.FunctionError, "Unhandled");
  t.like(late.result, { errorType: "Sandbox.Timedout" });
  t.regex(late.result.errorMessage, /Task timed out after 3\.00 seconds/);

  t.is((await invoke({ act: "echo" })).FunctionError, undefined);
});

test("the tail of the log comes back with the answer", async (t) => {
  const { LogResult = "", $metadata } = await invoke({ act: "tell" }, { LogType: "Tail" });
  const text = Buffer.from(LogResult, "base64").toString();
  t.regex(
    text,
    new RegExp(`^START RequestId: ${$metadata.requestId}\nworking on tell\nEND RequestId: .*\nREPORT .*Duration: `),
  );
  const failed = await invoke({ act: "throw" }, { LogType: "Tail" });
  t.regex(Buffer.from(failed.LogResult ?? "", "base64").toString(), /working on throw\nRangeError: too far\n/);
});

test("an event is accepted at once and worked on afterwards; a dry run works on nothing", async (t) => {
  const marked = `event ${daemon.token.slice(0, 8)}`;
  const { StatusCode, result } = await invoke({ act: marked }, { InvocationType: "Event" });
  t.deepEqual([StatusCode, result], [202, null]);
  const logs = async () => (await daemon.admin("GET", "/v1/functions/probe/logs?tail=10000")).text;
  await until("the event was worked on", async () => (await logs()).includes(`working on ${marked}`));
  t.is((await invoke({ act: "dry" }, { InvocationType: "DryRun" })).StatusCode, 204);
  t.false((await logs()).includes("working on dry"));
});

test("every form of a name means the same function", async (t) => {
  const arn = "arn:aws:lambda:eu-west-1:123456789012:function:probe";
  for (const FunctionName of ["probe", "probe:$LATEST", "probe:1", arn, `${arn}:1`, "123456789012:function:probe"]) {
    t.is((await invoke({ act: "name" }, { FunctionName })).StatusCode, 200, FunctionName);
  }
  t.is((await invoke({}, { Qualifier: "1" })).ExecutedVersion, "1");
});

test("what the caller does wrong is refused in AWS's own shapes", async (t) => {
  const missing = await refusal(t, invoke({}, { FunctionName: "nowhere" }));
  t.deepEqual([missing.name, missing.$metadata.httpStatusCode], ["ResourceNotFoundException", 404]);
  t.regex(missing.message, /function:nowhere/);
  t.is((await refusal(t, invoke({}, { Qualifier: "99" }))).name, "ResourceNotFoundException");
  t.is((await refusal(t, invoke({}, { Qualifier: "nobody" }))).name, "ResourceNotFoundException");
  const send = (input: Partial<InvokeCommandInput>) =>
    lambda.send(new InvokeCommand({ FunctionName: "probe", ...input }));
  t.is((await refusal(t, send({ Payload: "{" }))).name, "InvalidRequestContentException");
  t.is((await refusal(t, send({ ClientContext: "!" }))).name, "InvalidRequestContentException");
  const large = JSON.stringify("x".repeat(6 * 2 ** 20));
  t.is((await refusal(t, send({ Payload: large }))).name, "RequestTooLargeException");
  const stranger = clientOf(daemon, "AKIAIOSFODNN7EXAMPLE");
  const call = stranger.send(new InvokeCommand({ FunctionName: "probe" }));
  t.is((await refusal(t, call)).name, "UnrecognizedClientException");
  stranger.destroy();
});

test("a full waiting line is a throttle that the client knows", async (t) => {
  const busy = await openRemoteDaemon(t, { maxWaiting: "1" });
  const body = `await new Promise((resolve) => setTimeout(resolve, 500)); return new Response("1");`;
  await busy.deploy(functionOf(t, { name: "narrow", scaling: { max: 1 } }, body));
  const client = clientOf(busy);
  const call = () => client.send(new InvokeCommand({ FunctionName: "narrow" })).catch((error: unknown) => error);
  const ends = await Promise.all(Array.from({ length: 8 }, call));
  client.destroy();
  const refused = ends.filter((end) => end instanceof TooManyRequestsException);
  t.true(refused.length > 0 && refused.length < 8, `${refused.length} refused`);
  for (const error of refused) {
    t.is(error.$metadata.httpStatusCode, 429);
    t.is(error.Reason, "ReservedFunctionConcurrentInvocationLimitExceeded");
    t.regex(error.retryAfterSeconds ?? "", /^\d+$/);
  }
});

test("an answer is streamed in parts, also one that fails midway", async (t) => {
  const code = `export const handler = awslambda.streamifyResponse(async (event, stream) => {
    stream.write("one,"); await new Promise((resolve) => setTimeout(resolve, 20)); stream.write("two");
    if (event.fail) throw new TypeError("midway"); stream.end(); });`;
  await create("streaming", code);
  const run = async (event: object) => {
    const command = new InvokeWithResponseStreamCommand({
      FunctionName: "streaming",
      Payload: JSON.stringify(event),
      LogType: "Tail",
    });
    const parts: string[] = [];
    const output = await lambda.send(command);
    let complete: InvokeWithResponseStreamCompleteEvent | undefined;
    for await (const message of output.EventStream ?? []) {
      if (message.PayloadChunk) parts.push(Buffer.from(message.PayloadChunk.Payload ?? []).toString());
      if (message.InvokeComplete) complete = message.InvokeComplete;
    }
    return { parts, complete, type: output.ResponseStreamContentType };
  };
  const whole = await run({});
  t.is(whole.parts.join(""), "one,two");
  t.is(whole.complete?.ErrorCode, undefined);
  t.regex(Buffer.from(whole.complete?.LogResult ?? "", "base64").toString(), /^START RequestId/);
  const broken = await run({ fail: true });
  // What has not left yet when it fails is lost.
  t.true("one,two".startsWith(broken.parts.join("")), broken.parts.join(""));
  t.truthy(broken.complete?.ErrorCode);
});

test("functions of other shapes take the payload as a request and answer with their body", async (t) => {
  const body = "return Response.json({ method: request.method, sent: await request.json() });";
  await daemon.deploy(functionOf(t, { name: "fetching" }, body));
  const { result } = await invoke({ a: 1 }, { FunctionName: "fetching" });
  t.deepEqual(result, { method: "POST", sent: { a: 1 } });
});

test("a function is created, described, updated, published, aliased and deleted", async (t) => {
  const created = await create("managed", "export const handler = async () => 'one';", { Timeout: 5 });
  t.like(created, { FunctionName: "managed", Timeout: 5, Runtime: "nodejs24.x", Version: "$LATEST", State: "Active" });
  t.deepEqual(created.Environment, { Variables: { GREETING: "hi" } });
  t.is((await refusal(t, create("managed", ""))).name, "ResourceConflictException");
  const { Configuration } = await lambda.send(new GetFunctionCommand({ FunctionName: "managed" }));
  t.like(Configuration ?? {}, { Handler: "index.handler", MemorySize: 128, PackageType: "Zip" });

  const published = await lambda.send(new PublishVersionCommand({ FunctionName: "managed" }));
  t.is(published.Version, "1");
  const alias = { FunctionName: "managed", Name: "live" };
  await lambda.send(new CreateAliasCommand({ ...alias, FunctionVersion: "1" }));
  const ZipFile = zipOf({ "index.mjs": "export const handler = async () => 'two';" });
  await lambda.send(new UpdateFunctionCodeCommand({ FunctionName: "managed", ZipFile }));
  const resultOf = async (Qualifier?: string) =>
    (await invoke({}, { FunctionName: "managed", ...(Qualifier && { Qualifier }) })).result;
  t.deepEqual(
    [await resultOf(), await resultOf("live"), await resultOf("1"), await resultOf("2")],
    ["two", "one", "one", "two"],
  );

  await lambda.send(new UpdateAliasCommand({ ...alias, FunctionVersion: "2", Description: "moved" }));
  t.is(await resultOf("live"), "two");
  t.like(await lambda.send(new GetAliasCommand(alias)), { FunctionVersion: "2", Description: "moved" });
  const { Versions = [] } = await lambda.send(new ListVersionsByFunctionCommand({ FunctionName: "managed" }));
  t.deepEqual(
    Versions.map(({ Version }) => Version),
    ["$LATEST", "1", "2"],
  );
  const { Functions = [] } = await lambda.send(new ListFunctionsCommand({}));
  t.true(Functions.some(({ FunctionName }) => FunctionName === "managed"));

  await lambda.send(new DeleteFunctionCommand({ FunctionName: "managed" }));
  t.is((await refusal(t, invoke({}, { FunctionName: "managed" }))).name, "ResourceNotFoundException");
  t.is(
    (await refusal(t, lambda.send(new DeleteFunctionCommand({ FunctionName: "managed" })))).name,
    "ResourceNotFoundException",
  );
});

test("a function runs on the Node that its runtime names, or on the nearer one, and is told which", async (t) => {
  const code = "export const handler = async () => process.env.AWS_EXECUTION_ENV;";
  for (const [name, expected] of [
    ["nodejs20.x", "node24"],
    ["nodejs24.x", "node24"],
    ["nodejs26.x", "node26"],
    ["nodejs28.x", "node26"],
  ] as const) {
    const runtime = name as "nodejs24.x";
    t.is((await create("versed", code, { Runtime: runtime })).Runtime, runtime);
    const { json } = await daemon.admin("GET", "/v1/functions/versed");
    t.like(json, { current: { manifest: { runtime: expected } } }, name);
    t.is((await invoke({}, { FunctionName: "versed" })).result, `AWS_Lambda_${name}`);
    await lambda.send(new DeleteFunctionCommand({ FunctionName: "versed" }));
  }
  await daemon.deploy(functionOf(t, { name: "older", runtime: "node24" }, "return new Response();"));
  t.is((await lambda.send(new GetFunctionCommand({ FunctionName: "older" }))).Configuration?.Runtime, "nodejs24.x");
});

test("an archive that cannot be a function is refused and leaves nothing", async (t) => {
  const broken = await refusal(t, create("broken", "throw new Error('at load');"));
  t.is(broken.$metadata.httpStatusCode, 422);
  t.regex(broken.message, /at load/);
  const input = { FunctionName: "broken", Role: "r", Handler: "index.handler", Runtime: "python3.13" as const };
  const python = lambda.send(new CreateFunctionCommand({ ...input, Code: { ZipFile: zipOf({ "index.py": "" }) } }));
  t.regex((await refusal(t, python)).message, /wanted nodejs/);
  const garbage = lambda.send(
    new CreateFunctionCommand({ ...input, Runtime: "nodejs22.x", Code: { ZipFile: Buffer.from("no zip") } }),
  );
  t.regex((await refusal(t, garbage)).message, /zip archive/);
  t.is((await refusal(t, invoke({}, { FunctionName: "broken" }))).name, "ResourceNotFoundException");
});
