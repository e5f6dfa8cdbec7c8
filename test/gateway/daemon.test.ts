// Claims about how a daemon ends: who is still answered, who is refused, and with which status it goes.

import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import test from "ava";
import { openTestDaemon, type TestDaemon } from "../support/daemon.ts";
import { functionOf, type Owner } from "../support/function-directory.ts";
import { until } from "../support/until.ts";

/** A call that is inside its function, which never answers by itself. */
async function withCallInFlight(t: Owner, daemon: TestDaemon, body = "await new Promise(() => {});"): Promise<Call> {
  await daemon.deploy(functionOf(t, { name: "f" }, `${body} return new Response("late");`));
  const answer = fetch(`${daemon.url}/function/f`);
  await until("the call is in its function", async () => {
    const { json } = await daemon.admin("GET", "/v1/instances");
    return (json as { instances: { state: string }[] }).instances.some(({ state }) => state === "busy");
  });
  return { answer };
}

interface Call {
  readonly answer: Promise<Response>;
}

test("a stop refuses what is new at once; a second one cuts what is in flight", async (t) => {
  const daemon = await openTestDaemon(t);
  const { answer } = await withCallInFlight(t, daemon);
  t.is((await daemon.admin("POST", "/v1/shutdown")).status, 202);
  const refused = await daemon.admin("GET", "/v1/functions/f/invoke/wait");
  t.is(refused.status, 503);
  t.like(refused.json, { code: "SHUTTING_DOWN" });
  t.truthy(refused.headers["retry-after"]);
  t.is((await daemon.admin("GET", "/readyz")).status, 503);
  t.is((await daemon.admin("GET", "/livez")).status, 200);
  await t.throwsAsync(fetch(`${daemon.url}/healthz`), undefined, "the listener is closed");

  daemon.stop();
  const late = await answer;
  t.is(late.status, 503);
  t.is(((await late.json()) as { code: string }).code, "SHUTTING_DOWN");
  t.is(await daemon.ended, 0);
  t.false(existsSync(daemon.adminSocket));
});

test("what is in flight when a stop begins is answered by its function", async (t) => {
  const daemon = await openTestDaemon(t);
  const { answer } = await withCallInFlight(t, daemon, "await new Promise((resolve) => setTimeout(resolve, 3_000));");
  daemon.stop();
  t.is(await (await answer).text(), "late");
  t.is(await daemon.ended, 0);
});

test("a grace time that is over cuts what is left with 503 and still ends with 0", async (t) => {
  const daemon = await openTestDaemon(t, { graceMs: "100ms" });
  const { answer } = await withCallInFlight(t, daemon);
  daemon.stop();
  t.is((await answer).status, 503);
  t.is(await daemon.ended, 0);
});

test("without its warden the daemon answers everyone 503 WARDEN_LOST and ends with 1", async (t) => {
  const daemon = await openTestDaemon(t);
  const { answer } = await withCallInFlight(t, daemon);
  daemon.wardenLost();
  const lost = await answer;
  t.is(lost.status, 503);
  t.is(((await lost.json()) as { code: string }).code, "WARDEN_LOST");
  t.is(await daemon.ended, 1);
});

test("a request that was on its way over an open connection when the end began is refused, not cut off", async (t) => {
  for (const end of ["stop", "wardenLost"] as const) {
    const daemon = await openTestDaemon(t);
    const socket = connect(Number(new URL(daemon.url).port), "127.0.0.1").setEncoding("latin1");
    let received = "";
    socket.on("data", (piece) => {
      received += piece;
    });
    const ask = () => socket.write("GET /function/none HTTP/1.1\r\nHost: a\r\n\r\n");
    ask();
    await until("the connection has been used", () => received.includes("FUNCTION_NOT_FOUND"));
    received = "";
    daemon[end]();
    // The kernel has it before the daemon, which is in this process, can look.
    ask();
    await once(socket, "close");
    t.regex(received, /^HTTP\/1\.1 503 /, end);
    t.regex(received, end === "stop" ? /"SHUTTING_DOWN"/ : /"WARDEN_LOST"/);
    await daemon.ended;
  }
});

test("a start on an address that is taken fails, names it, and leaves nothing open", async (t) => {
  const daemon = await openTestDaemon(t);
  const listen = new URL(daemon.url).host;
  const error = await t.throwsAsync(openTestDaemon(t, { listen }), { code: "LISTEN_FAILED" });
  t.true(error?.message.includes(listen));
});
