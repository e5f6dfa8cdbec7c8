// Modules of Google's Functions Framework, with the framework as it is on npm, called by the CloudEvents SDK's messages.

import test from "ava";
import { CloudEvent, HTTP } from "cloudevents";
import { bundled } from "../../support/bundled-function.ts";
import { bodyOf, startFunction, textOf, until } from "../../support/live-function.ts";

const http = `const functions = require("@google-cloud/functions-framework");
  functions.http("helloHttp", (req, res) => { res.send("Hello " + (req.query.name ?? req.body.name) + " " + (req.rawBody?.length ?? "none")); });`;

test("a function registered with http() is called through the framework's own server", async (t) => {
  const { call } = await startFunction(t, await bundled(t, http, "index.js"));
  t.is(
    await textOf(await call({ url: "http://h/?name=you", method: "POST", headers: ["host", "h"] })),
    "Hello you none",
  );
  const headers = ["host", "h", "content-type", "application/json", "content-length", "15"];
  t.is(await textOf(await call({ method: "POST", headers, body: bodyOf(`{"name":"body"}`) })), "Hello body 15");
});

const cloudEvent = `import { cloudEvent } from "@google-cloud/functions-framework";
  cloudEvent("seen", async (event) => { console.log(JSON.stringify([event.id, event.type, event.data, event.extra])); });`;

test("a function registered with cloudEvent() gets binary and structured events", async (t) => {
  const { call, lines } = await startFunction(t, await bundled(t, cloudEvent));
  const event = new CloudEvent({ id: "e1", type: "t.made", source: "/s", data: { n: 1 }, extra: "x" });
  for (const message of [HTTP.binary(event), HTTP.structured(event)]) {
    const headers = Object.entries({ host: "h", ...message.headers }).flatMap(([name, value]) => [name, String(value)]);
    const answer = await call({ method: "POST", headers, body: bodyOf(String(message.body)) });
    t.is(answer.status, 204);
  }
  await until(() => lines.filter(({ msg }) => msg === `["e1","t.made",{"n":1},"x"]`).length === 2);
  t.pass();
});

test("of several registered functions FUNCTION_TARGET names one, and none is guessed", async (t) => {
  const two = await bundled(t, `${http} functions.http("other", (req, res) => res.send("other"));`, "index.js");
  await t.throwsAsync(startFunction(t, two), { message: /FUNCTION_TARGET is "test".*registers helloHttp, other/ });
  const { call } = await startFunction(t, two, { env: { FUNCTION_TARGET: "other" } });
  t.is(await textOf(await call({ headers: ["host", "h"] })), "other");
});

test("an export that FUNCTION_TARGET names is a function as on Google Cloud", async (t) => {
  const source = `exports.helloHttp = (req, res) => { res.end("exported"); };`;
  const { call } = await startFunction(t, await bundled(t, source, "index.js"), {
    handler: "node",
    env: { FUNCTION_TARGET: "helloHttp" },
  });
  t.is(await textOf(await call({ headers: ["host", "h"] })), "exported");
});
