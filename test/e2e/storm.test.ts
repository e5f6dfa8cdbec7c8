// Many callers at once over functions of which one crashes: everyone gets an answer, and it is their own.

import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import test from "ava";
import { functionOf } from "../support/function-directory.ts";
import { countDescriptors } from "../support/leak-audit.ts";
import { startServer } from "../support/server.ts";
import { until } from "../support/until.ts";

const requests = 2_000;
const connections = 50;

const functions = ["red", "green", "blue"] as const;

const body = `
  const { searchParams } = new URL(request.url);
  const nonce = await request.text();
  if (searchParams.get("crash") === "yes") process.exit(1);
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 3));
  return new Response(nonce);`;

interface Outcome {
  readonly kind: "mine" | "not mine" | "crashed" | "refused";
  readonly detail: string;
}

test.serial(
  "2,000 requests at 50 connections with 5 % crashing: everyone gets an answer, nobody another's",
  async (t) => {
    const server = await startServer(t);
    for (const name of functions) {
      await server.deploy(functionOf(t, { name, scaling: { max: 8 } }, body));
      await server.fetch(`/function/${name}`, { method: "POST", body: "warm" });
    }
    const descriptorsBefore = countDescriptors(server.info().pid);

    const agent = new Agent({ keepAlive: true, maxSockets: connections });
    const outcomes: Outcome[] = [];
    let next = 0;
    const caller = async (): Promise<void> => {
      while (next < requests) outcomes.push(await call(agent, server.url(), next++));
    };
    await Promise.all(Array.from({ length: connections }, caller));
    agent.destroy();

    const count = (kind: Outcome["kind"]) => outcomes.filter((outcome) => outcome.kind === kind).length;
    t.is(outcomes.length, requests);
    t.is(count("not mine"), 0);
    t.deepEqual(outcomes.filter(({ kind }) => kind === "refused").slice(0, 3), []);
    t.is(count("crashed"), requests / 20);
    t.is(count("mine"), requests - requests / 20);

    for (const name of functions) t.is((await server.cli(["rm", name])).code, 0);
    await until("no instance is left", async () => {
      const { instances } = await server.ask<{ instances: readonly unknown[] }>("/v1/instances");
      return instances.length === 0;
    });
    const descriptors = () => countDescriptors(server.info().pid);
    await until("tsfnd's descriptors are back to where they were", () => descriptors() <= descriptorsBefore);
  },
);

async function call(agent: Agent, url: string, index: number): Promise<Outcome> {
  const nonce = randomUUID();
  const crash = index % 20 === 7;
  const path = `/function/${functions[index % 3]}${crash ? "?crash=yes" : ""}`;
  const outgoing = request(`${url}${path}`, { agent, method: "POST", headers: { "x-request-id": nonce } });
  outgoing.end(nonce);
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  const answer = await text(response);
  if (response.headers["x-request-id"] !== nonce) return { kind: "not mine", detail: "request id" };
  if (response.statusCode === 200) return { kind: answer === nonce ? "mine" : "not mine", detail: answer };
  if (crash && response.statusCode === 502) return { kind: "crashed", detail: answer };
  return { kind: "refused", detail: `${response.statusCode} ${answer}` };
}
