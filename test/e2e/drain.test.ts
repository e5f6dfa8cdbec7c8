// SIGTERM and `tsfn server stop`: what is in flight is answered, what comes later is refused, and the server ends.

import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import test from "ava";
import type { InstanceDescription } from "../../runtime/index.ts";
import { example } from "../support/function-directory.ts";
import { isAlive } from "../support/processes.ts";
import { type Server, startServer } from "../support/server.ts";
import { until } from "../support/until.ts";

const busy = async (server: Server): Promise<boolean> => {
  const { instances } = await server.ask<{ instances: readonly InstanceDescription[] }>("/v1/instances");
  return instances.some(({ inFlight }) => inFlight > 0);
};

test.serial("SIGTERM: in-flight invocations are answered, and the server exits with 0", async (t) => {
  const server = await startServer(t);
  await server.deploy(example("sleep"));
  const inFlight = server.fetch("/function/sleep?ms=2000");
  await until("it is in flight", () => busy(server));
  const stopped = server.stop();
  const answer = await inFlight;
  t.is(answer.status, 200);
  t.deepEqual(await answer.json(), { sleptMs: 2_000 });
  t.is((await stopped).code, 0);
  t.false(isAlive(server.info().wardenPid));
});

test.serial("a request on an open connection is refused with 503 SHUTTING_DOWN while the rest drains", async (t) => {
  const server = await startServer(t);
  await server.deploy(example("sleep"));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.teardown(() => agent.destroy());
  const call = async (path: string): Promise<IncomingMessage> => {
    const outgoing = request(`${server.url()}${path}`, { agent });
    outgoing.end();
    const [response] = await once(outgoing, "response");
    return response;
  };
  await text(await call("/function/sleep?ms=1"));
  const inFlight = server.fetch("/function/sleep?ms=3000");
  await until("it is in flight", () => busy(server));
  const stopped = server.stop();
  const refused = await until("a request is refused", async () => {
    const response = await call("/function/sleep?ms=1").catch(() => "closed" as const);
    if (response === "closed") return response;
    const document = await text(response);
    return response.statusCode === 503 ? { response, document } : undefined;
  });
  if (refused !== "closed") {
    t.like(JSON.parse(refused.document), { code: "SHUTTING_DOWN", retryable: true });
    t.truthy(refused.response.headers["retry-after"]);
  }
  t.is((await inFlight).status, 200);
  t.is((await stopped).code, 0);
});

test.serial("what does not end within the grace time is cut off, and the server ends all the same", async (t) => {
  const server = await startServer(t, { flags: ["--grace", "500ms"] });
  await server.deploy(example("sleep"));
  const inFlight = server.fetch("/function/sleep?ms=50000").then(
    (response) => response.status,
    () => "cut off",
  );
  await until("it is in flight", () => busy(server));
  await server.stop();
  t.not(await inFlight, 200);
});

test.serial("tsfn server stop waits until its last process is gone", async (t) => {
  const server = await startServer(t);
  await server.deploy(example("hello"));
  await server.fetch("/function/hello");
  server.audit.observe(server.info().wardenPid);
  const { code, stderr } = await server.cli(["server", "stop", "--admin", server.admin]);
  t.is(code, 0, stderr);
  for (const pid of [server.info().guardianPid, server.info().wardenPid, server.info().pid]) t.false(isAlive(pid));
});
