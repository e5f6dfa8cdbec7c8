// Claims about the admin API over its socket, with real instances behind it.

import { once } from "node:events";
import { statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import test from "ava";
import type { ProblemDocument } from "../../runtime/errors.ts";
import { openTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { functionDirectory, functionOf, temporaryDirectory } from "../support/function-directory.ts";

// Most of a daemon's start is building the base layer, so tests that leave it as it was share one.
const undo: (() => unknown)[] = [];
let shared: TestDaemon;
test.before(async () => {
  shared = await openTestDaemon({ teardown: (step) => undo.unshift(step) });
});
test.after.always(async () => {
  for (const step of undo) await step();
});

test("a function is deployed, listed, called, inspected, restarted and removed", async (t) => {
  const daemon = await openTestDaemon(t);
  const directory = functionOf(t, { name: "hello" }, `console.log("said"); return new Response("hi " + request.url);`);

  const first = await daemon.deploy(directory);
  t.is(first.status, 201, first.text);
  const url = `${daemon.url}/function/hello`;
  t.like(first.json, { name: "hello", version: 1, unchanged: false, url });
  const again = await daemon.deploy(directory);
  t.is(again.status, 200);
  t.like(again.json, { version: 1, unchanged: true, url });

  const answer = await fetch(`${url}/a?b`);
  t.is(await answer.text(), `hi ${daemon.url}/a?b`);
  t.is(answer.headers.get("x-tsfn-version"), "1");
  const invoked = await daemon.admin("GET", "/v1/functions/hello/invoke/x?y", { headers: { host: "localhost" } });
  t.deepEqual([invoked.status, invoked.text], [200, "hi http://localhost/x?y"]);

  const list = await daemon.admin("GET", "/v1/functions");
  t.like(list.json, { functions: [{ function: "hello", version: 1, url, idle: 1, busy: 0, waiting: 0 }] });
  const inspected = await daemon.admin("GET", "/v1/functions/hello");
  t.like(inspected.json, {
    function: "hello",
    url,
    current: { manifest: { name: "hello" } },
    versions: [{ number: 1 }],
  });
  const instances = await daemon.admin("GET", "/v1/instances");
  t.like(instances.json, { instances: [{ function: "hello", version: 1, state: "idle", served: 2 }] });

  t.is((await daemon.admin("POST", "/v1/functions/hello/restart")).status, 204);
  const cold = await fetch(url);
  t.is(cold.headers.get("x-tsfn-cold"), "1");
  await cold.text();

  const logs = await daemon.admin("GET", "/v1/functions/hello/logs?tail=1000");
  t.is(logs.headers["content-type"], "application/x-ndjson");
  const records = logs.text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  t.is(records.filter(({ msg }) => msg === "said").length, 3);

  t.is((await daemon.admin("DELETE", "/v1/functions/hello")).status, 204);
  t.is((await fetch(url)).status, 404);
  t.like((await daemon.admin("DELETE", "/v1/functions/hello")).json, { code: "FUNCTION_NOT_FOUND", status: 404 });
});

test("a version that fails while loading is refused with its problem, and the old one stays live", async (t) => {
  const daemon = shared;
  await daemon.deploy(functionOf(t, { name: "old" }, `return new Response("old");`));
  const broken = functionDirectory(t, { "tsfn.json": `{"name":"old"}`, "index.ts": `throw new Error("at load");` });
  const refused = await daemon.deploy(broken);
  t.is(refused.status, 422);
  t.is(refused.headers["content-type"], "application/problem+json");
  t.like(refused.json, { code: "LOAD_FAILED" });
  t.is(await (await fetch(`${daemon.url}/function/old`)).text(), "old");
});

test("whatever is wrong with a request, the answer is a problem document", async (t) => {
  const daemon = shared;
  const tar = { "content-type": "application/x-tar" };
  const cases: readonly [string, string, number, string, { headers?: Record<string, string>; body?: string }?][] = [
    ["GET", "/", 404, "ROUTE_NOT_FOUND"],
    ["GET", "/v1/functions/..", 404, "ROUTE_NOT_FOUND"],
    ["GET", "/v1/functions/%2e%2e", 404, "ROUTE_NOT_FOUND"],
    ["GET", "/v1/functions/__proto__", 404, "FUNCTION_NOT_FOUND"],
    ["GET", "/v1/functions/%E0%A4%A", 404, "FUNCTION_NOT_FOUND"],
    ["GET", `/v1/functions/${"x".repeat(300)}`, 404, "FUNCTION_NOT_FOUND"],
    ["POST", "/v1/functions/none/restart", 404, "FUNCTION_NOT_FOUND"],
    ["GET", "/v1/functions/none/logs", 404, "FUNCTION_NOT_FOUND"],
    ["GET", "/v1/functions/none/logs?follow=true", 404, "FUNCTION_NOT_FOUND"],
    ["GET", "/v1/functions/none/logs?tail=-1&follow=maybe", 400, "REQUEST_MALFORMED"],
    ["POST", "/v1/functions/none/invoke", 404, "FUNCTION_NOT_FOUND"],
    ["GET", "/v1/functions/%/invoke", 404, "FUNCTION_NOT_FOUND"],
    ["PUT", "/v1/functions/__proto__", 400, "NAME_INVALID", { headers: tar, body: "x" }],
    ["PUT", `/v1/functions/${"x".repeat(300)}`, 400, "NAME_INVALID", { headers: tar, body: "x" }],
    ["PUT", "/v1/functions/hello", 400, "PACKAGE_INVALID", { headers: tar, body: "not a tar" }],
    ["PUT", "/v1/functions/hello", 400, "PACKAGE_INVALID", { headers: tar }],
    ["PUT", "/v1/functions/hello", 400, "PACKAGE_INVALID", { headers: { "content-type": "text/plain" }, body: "x" }],
  ];
  for (const [method, path, status, code, options] of cases) {
    const answer = await daemon.admin(method, path, options);
    t.is(answer.status, status, `${method} ${path}: ${answer.text}`);
    t.is(answer.headers["content-type"], "application/problem+json", path);
    t.like(answer.json, { code, status }, path);
  }
});

test("a secret that tsfn.json could not name is not kept, and its hint is about the name", async (t) => {
  const daemon = shared;
  for (const name of ["K_SERVICE", "K_REVISION", "TSFN_FOO", "1A", "a-b", "x".repeat(129)]) {
    const answer = await daemon.admin("PUT", `/v1/secrets/${name}`, { body: "a value" });
    const { code, detail, hint } = answer.json as ProblemDocument;
    t.is(code, "SECRET_INVALID", name);
    t.regex(detail, /its name is "[^"]+"; wanted letters, digits and _/);
    t.regex(hint, /another name/);
  }
  t.like((await daemon.admin("PUT", "/v1/secrets/EMPTY")).json, { hint: "Give it a text of at most 32 KiB" });
  t.deepEqual((await daemon.admin("GET", "/v1/secrets")).json, { secrets: [] });
});

test("a wrong parameter is told with its name, the value found and the value wanted", async (t) => {
  const daemon = shared;
  for (const [method, path, told] of [
    ["GET", "logs?tail=-1", 'tail is "-1"; wanted a whole number from 0 to 100000'],
    ["GET", "logs?tail=many", 'tail is "many"; wanted a whole number from 0 to 100000'],
    ["GET", "logs?tail=1.5", 'tail is "1.5"; wanted a whole number from 0 to 100000'],
    ["GET", "logs?follow=maybe", 'follow is "maybe"; wanted true or false'],
    ["GET", "logs?level=loud", 'level is "loud"; wanted one of debug, info, warn, error'],
    ["GET", "logs?since=later", 'since is "later"; wanted a duration such as 10m, or a date'],
    ["GET", "logs?instance=", 'instance is ""; wanted at least one character'],
    ["POST", "restart?zygote=1", 'zygote is "1"; wanted true or false'],
    ["POST", "rollback?version=first", 'version is "first"; wanted a whole number from 1'],
    ["POST", "rollback?version=0", 'version is "0"; wanted a whole number from 1'],
  ] as const) {
    const answer = await daemon.admin(method, `/v1/functions/none/${path}`);
    const { code, detail, hint, problems } = answer.json as ProblemDocument;
    t.is(code, "REQUEST_MALFORMED", path);
    t.true(detail.includes(told), detail);
    t.true(problems?.[0]?.message.startsWith(told), path);
    t.notRegex(hint, /HTTP\/1\.1/);
  }
});

test("a follower of logs sees records as they come, across versions, and holds neither the server nor itself", async (t) => {
  const daemon = await openTestDaemon(t);
  const saying = (text: string) => functionOf(t, { name: "f" }, `console.log("${text}"); return new Response();`);
  await daemon.deploy(saying("one"));
  const response = await daemon.open("GET", "/v1/functions/f/logs?tail=0&follow=true");
  t.is(response.statusCode, 200);
  const lines = createInterface({ input: response })[Symbol.asyncIterator]();
  const said = async (text: string): Promise<void> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) return t.fail(`the stream ended before ${text}`);
      if (JSON.parse(value).msg === text) return;
    }
  };
  await (await fetch(`${daemon.url}/function/f`)).text();
  await said("one");
  await daemon.deploy(saying("two"));
  await (await fetch(`${daemon.url}/function/f`)).text();
  await said("two");
  const closed = once(response, "close");
  daemon.stop();
  t.is(await daemon.ended, 0);
  await closed;
});

test("info, probes and OpenAPI describe the server", async (t) => {
  const daemon = shared;
  t.like((await daemon.admin("GET", "/v1/info")).json, {
    version: "0.0.0-test",
    pid: process.pid,
    wardenPid: process.ppid,
    url: daemon.url,
    dataDir: daemon.dataDir,
  });
  for (const path of ["/livez", "/readyz"]) t.is((await daemon.admin("GET", path)).status, 200);
  const { json } = await daemon.admin("GET", "/v1/openapi.json");
  t.like(json, { openapi: "3.1.0" });
  const { paths } = json as { paths: Record<string, Record<string, unknown>> };
  t.deepEqual(
    Object.entries(paths)
      .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`))
      .sort(),
    [
      "delete /v1/functions/{name}",
      "delete /v1/secrets/{name}",
      "get /livez",
      "get /metrics",
      "get /readyz",
      "get /v1/functions",
      "get /v1/functions/{name}",
      "get /v1/functions/{name}/invoke",
      "get /v1/functions/{name}/logs",
      "get /v1/functions/{name}/versions",
      "get /v1/info",
      "get /v1/instances",
      "get /v1/secrets",
      "post /v1/functions/{name}/invoke",
      "post /v1/functions/{name}/restart",
      "post /v1/functions/{name}/rollback",
      "post /v1/shutdown",
      "put /v1/functions/{name}",
      "put /v1/secrets/{name}",
    ],
  );
});

test("metrics are counted by function and code, and strangers' names are no labels", async (t) => {
  const daemon = shared;
  await daemon.deploy(
    functionOf(t, { name: "f" }, `if (request.url.endsWith("/x")) throw new Error("x"); return new Response();`),
  );
  for (const path of ["f", "f", "f/x", "stranger"]) await (await fetch(`${daemon.url}/function/${path}`)).text();
  const { text, headers } = await daemon.admin("GET", "/metrics");
  t.regex(headers["content-type"] ?? "", /^text\/plain/);
  const samples = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const match = /^([a-z_]+(?:\{(?:[a-z]+="[^"]*",?)*\})?) (\S+)$/.exec(line);
    t.truthy(match, line);
    samples.set(match?.[1] ?? "", Number(match?.[2]));
  }
  t.is(samples.get('tsfn_invocations_total{function="f",code="200"}'), 2);
  t.is(samples.get('tsfn_invocations_total{function="f",code="500"}'), 1);
  t.is(samples.get('tsfn_errors_total{function="f",reason="FUNCTION_ERROR"}'), 1);
  t.is(samples.get('tsfn_invocation_duration_seconds_count{function="f"}'), 3);
  t.is(samples.get('tsfn_cold_starts_total{function="f",kind="exec"}'), 1);
  t.is(samples.get('tsfn_instances{function="f",state="idle"}'), 1);
  t.is(samples.get('tsfn_queue_depth{function="f"}'), 0);
  for (const name of [
    "tsfn_queue_wait_seconds",
    "tsfn_cold_start_duration_seconds",
    "tsfn_instance_cpu_seconds_total",
  ]) {
    t.true(text.includes(`# TYPE ${name} `), name);
  }
  t.true([...samples.keys()].some((name) => name.startsWith("tsfn_build_info{")));
  t.notRegex(text, /stranger/);
});

test("the socket is for its owner and group, and replaces only one that nobody answers on", async (t) => {
  const directory = temporaryDirectory(t);
  const adminSocket = join(directory, "admin.sock");
  const stale = createServer().listen(adminSocket);
  await once(stale, "listening");
  await t.throwsAsync(openTestDaemon(t, { adminSocket }), { code: "SERVER_RUNNING" });
  t.true(statSync(adminSocket).isSocket());

  const file = join(directory, "file");
  writeFileSync(file, "precious");
  await t.throwsAsync(openTestDaemon(t, { adminSocket: file }), { code: "LISTEN_FAILED" });
  t.is(statSync(file).size, 8);
  stale.close();

  const daemon = await openTestDaemon(t, { adminSocket: join(directory, "own.sock") });
  t.is(statSync(join(directory, "own.sock")).mode & 0o777, 0o660);
  daemon.stop();
  await daemon.ended;
  t.throws(() => statSync(join(directory, "own.sock")), { code: "ENOENT" });
});
