// Claims about the doors of OpenFaaS: the requests that faas-cli makes get the answers it expects.

import test from "ava";
import { functionOf } from "../support/function-directory.ts";
import { openRemoteDaemon, type RemoteDaemon } from "../support/remote-daemon.ts";
import { until } from "../support/until.ts";

const undo: (() => unknown)[] = [];
const owner = { teardown: (step: () => unknown) => void undo.unshift(step) };
let daemon: RemoteDaemon;
test.before(async () => {
  daemon = await openRemoteDaemon(owner);
  const body = `console.log("said " + new URL(request.url).pathname); return new Response("hi");`;
  await daemon.deploy(functionOf(owner, { name: "faas", env: { A: "b" }, scaling: { max: 3 } }, body));
});
test.after.always(async () => {
  for (const step of undo) await step();
});

/** As faas-cli sends it, with what `login` stored. */
async function ask(method: string, path: string, document?: unknown) {
  const authorization = `Basic ${Buffer.from(`admin:${daemon.token}`).toString("base64")}`;
  const headers = { authorization, "content-type": "application/json", "user-agent": "faas-cli/0.16.4" };
  const body = document === undefined ? null : JSON.stringify(document);
  const answer = await fetch(`${daemon.adminUrl}${path}`, { method, headers, body });
  const text = await answer.text();
  return { status: answer.status, type: answer.headers.get("content-type"), text };
}

test.serial("list and describe show a function with its replicas, one at least", async (t) => {
  const list = await ask("GET", "/system/functions?namespace=");
  t.is(list.status, 200);
  const [first, ...others] = JSON.parse(list.text);
  t.deepEqual(others, []);
  t.like(first, { name: "faas", namespace: "openfaas-fn", image: "faas:1", envVars: { A: "b" }, availableReplicas: 1 });
  const described = await ask("GET", "/system/function/faas?namespace=openfaas-fn&usage=1");
  t.like(JSON.parse(described.text), { name: "faas", limits: { memory: "128Mi", cpu: "1000m" } });
  t.like(JSON.parse((await ask("GET", "/system/info")).text), { provider: { orchestration: "tsfn" } });
  t.deepEqual(JSON.parse((await ask("GET", "/system/namespaces")).text), ["openfaas-fn"]);
});

test.serial("scale keeps instances ready, and zero lets them go", async (t) => {
  t.is((await ask("POST", "/system/scale-function/faas", { serviceName: "faas", replicas: 2 })).status, 202);
  const replicas = async () => JSON.parse((await ask("GET", "/system/function/faas")).text).availableReplicas;
  await until("two are ready", async () => (await replicas()) === 2);
  t.is((await ask("POST", "/system/scale-function/faas", { serviceName: "faas", replicas: 0 })).status, 202);
  const idle = async () => ((await daemon.admin("GET", "/v1/functions/faas")).json as { idle: number }).idle;
  await until("none is left", async () => (await idle()) === 0);
  const over = await ask("POST", "/system/scale-function/faas", { serviceName: "faas", replicas: 4 });
  t.is(over.status, 400);
  t.regex(over.text, /wanted at most scaling\.max, which is 3/);
});

test.serial("logs are lines of JSON, filtered as asked", async (t) => {
  for (const path of ["one", "two"]) await (await fetch(`${daemon.url}/function/faas/${path}`)).text();
  const texts = async (query: string) => {
    const { text } = await ask("GET", `/system/logs?name=faas${query}`);
    const records = text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));
    return records.map((record) => record.text).filter((line: string) => line.startsWith("said"));
  };
  await until("both lines are there", async () => (await texts("")).length === 2);
  t.deepEqual(await texts("&tail=-1&follow=false"), ["said /one", "said /two"]);
  t.deepEqual(await texts(`&since=${encodeURIComponent(new Date(Date.now() + 60_000).toISOString())}`), []);
  t.deepEqual(await texts("&instance=nobody"), []);
  t.is((await ask("GET", "/system/logs?name=faas&since=yesterday")).status, 400);
  t.is((await ask("GET", "/system/logs?name=nowhere")).status, 404);
});

test.serial("what cannot be done is refused in words", async (t) => {
  const deploy = await ask("POST", "/system/functions", { service: "new", image: "alpine" });
  t.is(deploy.status, 400);
  t.regex(deploy.text, /deploys container images; tsfn deploys a directory.*tsfn deploy/s);
  t.is((await ask("GET", "/system/function/nowhere")).status, 404);
  t.is((await ask("GET", "/system/functions?namespace=other")).status, 404);
  t.is((await ask("POST", "/system/scale-function/faas", { replicas: "many" })).status, 400);
  t.is((await ask("POST", "/system/scale-function/faas", { replicas: "9".repeat(100_000) })).status, 413);
  t.is((await ask("PATCH", "/system/functions")).status, 404);
});

test.serial("delete removes a function", async (t) => {
  t.is((await ask("DELETE", "/system/functions", { functionName: "faas" })).status, 202);
  t.is((await ask("DELETE", "/system/functions", { functionName: "faas" })).status, 404);
  t.deepEqual(JSON.parse((await ask("GET", "/system/functions")).text), []);
});
