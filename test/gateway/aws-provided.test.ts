// AWS's own client and functions that bring their runtime: their zip archive holds a program, `bootstrap`.

import {
  CreateFunctionCommand,
  InvokeCommand,
  type InvokeCommandInput,
  LambdaClient,
  UpdateFunctionCodeCommand,
} from "@aws-sdk/client-lambda";
import test from "ava";
import { openRemoteDaemon } from "../support/remote-daemon.ts";
import { zipOf } from "../support/zip.ts";

/** As a runtime of one's own would begin. */
const ownRuntime = `#!${process.execPath}
const api = "http://" + process.env.AWS_LAMBDA_RUNTIME_API + "/2018-06-01/runtime/invocation/";
const send = (id, what, document) => fetch(api + id + "/" + what, { method: "POST", body: JSON.stringify(document) });
(async () => {
  for (;;) {
    const next = await fetch(api + "next");
    const id = next.headers.get("lambda-runtime-aws-request-id");
    const client = next.headers.get("lambda-runtime-client-context");
    const event = await next.json();
    console.log("working on " + event.act);
    if (event.act === "throw") {
      await send(id, "error", { errorType: "Own.Error", errorMessage: "too far", stackTrace: ["  here", "  there"] });
    } else if (event.act === "large") await send(id, "response", "x".repeat(7 * 2 ** 20));
    else await send(id, "response", { event, client, handler: process.env._HANDLER });
  }
})();`;

test("a function with a runtime of its own is created, invoked and updated", async (t) => {
  const { adminUrl, token } = await openRemoteDaemon(t);
  const credentials = { accessKeyId: token, secretAccessKey: "unused" };
  const lambda = new LambdaClient({ endpoint: adminUrl, region: "eu-west-1", credentials, maxAttempts: 1 });
  t.teardown(() => lambda.destroy());
  const invoke = async (event: object, options: Partial<InvokeCommandInput> = {}) => {
    const command = new InvokeCommand({ ...own, Payload: JSON.stringify(event), ...options });
    const output = await lambda.send(command);
    return { ...output, result: JSON.parse(Buffer.from(output.Payload ?? []).toString()) };
  };
  const own = { FunctionName: "own" };
  const zipped = (text: string) => zipOf({ bootstrap: { text, mode: 0o100755 } });
  const settings = { FunctionName: "own", Role: "r", Runtime: "provided.al2023", Handler: "any.thing" } as const;
  const made = await lambda.send(new CreateFunctionCommand({ ...settings, Code: { ZipFile: zipped(ownRuntime) } }));
  t.like(made, { Runtime: "provided.al2023", Handler: "any.thing" });
  const ClientContext = Buffer.from(JSON.stringify({ custom: "ü" })).toString("base64");
  const { result } = await invoke({ act: "echo" }, { ClientContext });
  t.deepEqual(result, { event: { act: "echo" }, client: String.raw`{"custom":"\u00fc"}`, handler: "any.thing" });
  const thrown = await invoke({ act: "throw" }, { LogType: "Tail" });
  t.is(thrown.FunctionError, "Unhandled");
  const trace = ["Own.Error: too far", "  here", "  there"];
  t.deepEqual(thrown.result, { errorType: "Own.Error", errorMessage: "too far", trace });
  t.regex(Buffer.from(thrown.LogResult ?? "", "base64").toString(), /working on throw/);
  const large = await invoke({ act: "large" });
  t.like(large.result, { errorType: "Function.ResponseSizeTooLarge" });
  const next = ownRuntime.replace("client,", `client: "second",`);
  await lambda.send(new UpdateFunctionCodeCommand({ ...own, ZipFile: zipped(next) }));
  t.like((await invoke({ act: "echo" })).result, { client: "second", handler: "any.thing" });
  const refused = lambda.send(new UpdateFunctionCodeCommand({ ...own, ZipFile: zipOf({ bootstrap: ownRuntime }) }));
  await t.throwsAsync(refused, { message: /bootstrap.*executable/ });
});
