// A client that oazapfts generates from the server's own OpenAPI document: it compiles, and deploys, calls, reads logs and
// removes over TCP with the token. What the document says wrongly shows here as a type or as an answer that is not there.

import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import test, { type ExecutionContext } from "ava";
import { bundleFunction, loadSource, packFunction } from "../../runtime/catalog/index.ts";
import { root } from "../architecture/tree.ts";
import { functionOf, temporaryDirectory } from "../support/function-directory.ts";
import { type Server, startServer } from "../support/server.ts";

interface Answer {
  readonly status: number;
  readonly data: unknown;
}

type Operation = (
  args?: Readonly<Record<string, unknown>>,
  options?: { readonly fetch: typeof fetch },
) => Promise<Answer>;

/** What the generator makes of the document: settings, and a function for each operation. */
interface GeneratedClient extends Readonly<Record<OperationName, Operation>> {
  readonly defaults: { baseUrl: string; headers: Record<string, string> };
}

type OperationName =
  | "getInfo"
  | "isReady"
  | "readMetrics"
  | "deployFunction"
  | "listFunctions"
  | "getFunction"
  | "callFunction"
  | "invokeFunction"
  | "readLogs"
  | "listVersions"
  | "rollBackFunction"
  | "restartFunction"
  | "listInstances"
  | "putSecret"
  | "listSecrets"
  | "deleteSecret"
  | "removeFunction";

test.serial("a generated client compiles, and drives a server from the deploy to the end", async (t) => {
  const { server, token } = await startRemoteServer(t);
  const client = await generateClient(t, server);
  const { adminUrl } = await server.ask<{ adminUrl: string }>("/v1/info");
  client.defaults.baseUrl = adminUrl;
  t.like(await client.getInfo(), { status: 401, data: { code: "TOKEN_REQUIRED" } });
  client.defaults.headers = { authorization: `Bearer ${token}` };
  t.like(await client.getInfo(), { status: 200, data: { adminUrl } });
  t.deepEqual(await data(client.isReady()), { status: "ok" });

  t.is((await client.putSecret({ name: "GREETING", body: "hi" })).status, 204);
  t.like(await client.listSecrets(), { data: { secrets: [{ name: "GREETING", functions: [] }] } });
  const first = await upload(t, "one");
  t.like(await client.deployFunction({ name: "api", body: first }), { status: 201, data: { name: "api", version: 1 } });
  t.like(await client.deployFunction({ name: "api", body: first }), { status: 200, data: { unchanged: true } });
  t.like(await client.deployFunction({ name: "api", body: await upload(t, "two") }), { data: { version: 2 } });
  t.like(await client.deployFunction({ name: "api", body: new Blob(["no tar"], { type: "application/x-tar" }) }), {
    status: 400,
    data: { code: "PACKAGE_INVALID" },
  });

  t.deepEqual(await data(client.invokeFunction({ name: "api", body: { a: 1 } })), { said: "two hi", got: { a: 1 } });
  t.deepEqual(await data(client.callFunction({ name: "api" })), { said: "two hi", got: null });
  t.like(await client.rollBackFunction({ name: "api", version: 1 }), { status: 200, data: { previous: 2 } });
  t.like(await client.rollBackFunction({ name: "api", version: 9 }), {
    status: 404,
    data: { code: "VERSION_NOT_FOUND" },
  });
  t.like(await client.callFunction({ name: "api" }), { data: { said: "one hi" } });
  t.like(await client.listVersions({ name: "api" }), { data: { live: 1, versions: [{ number: 1 }, { number: 2 }] } });
  t.is((await client.restartFunction({ name: "api", zygote: "true" })).status, 204);
  t.like(await client.callFunction({ name: "api" }), { status: 200 });
  t.like(await client.listFunctions(), { data: { functions: [{ function: "api", version: 1, routes: [] }] } });
  t.like(await client.getFunction({ name: "api" }), { data: { current: { manifest: { secrets: ["GREETING"] } } } });
  t.like(await client.listInstances(), { data: { instances: [{ function: "api", state: "idle" }] } });
  t.regex(String(await data(client.readMetrics())), /^tsfn_invocations_total\{function="api",code="200"\} 4$/m);

  const logs = client.readLogs({ name: "api", tail: 1_000, level: "info" }, { fetch: fetchText });
  const lines = String(await data(logs))
    .trim()
    .split("\n");
  const records = lines.map((line) => JSON.parse(line) as { msg: string; version: number });
  t.deepEqual(
    records.filter(({ msg }) => msg.startsWith("called")).map(({ msg, version }) => `${version} ${msg}`),
    ["2 called two", "2 called two", "1 called one", "1 called one"],
  );
  t.like(await client.readLogs({ name: "api", tail: -1 }), { status: 400, data: { code: "REQUEST_MALFORMED" } });

  t.like(await client.deleteSecret({ name: "GREETING" }), { status: 409, data: { code: "SECRET_IN_USE" } });
  t.is((await client.removeFunction({ name: "api" })).status, 204);
  t.like(await client.callFunction({ name: "api" }), { status: 404, data: { code: "FUNCTION_NOT_FOUND" } });
  t.is((await client.deleteSecret({ name: "GREETING" })).status, 204);
});

async function startRemoteServer(t: ExecutionContext): Promise<{ server: Server; token: string }> {
  const token = randomBytes(32).toString("base64");
  const file = join(temporaryDirectory(t), "token");
  writeFileSync(file, `${token}\n`, { mode: 0o600 });
  const server = await startServer(t, { flags: ["--admin-listen", "127.0.0.1:0", "--token-file", file] });
  return { server, token };
}

/** Generates it, has the compiler look at it, and loads it. */
async function generateClient(t: ExecutionContext, server: Server): Promise<GeneratedClient> {
  const directory = temporaryDirectory(t);
  symlinkSync(join(root, "node_modules"), join(directory, "node_modules"));
  const run = async (program: string, ...args: readonly string[]) =>
    await promisify(execFile)(process.execPath, [join(root, "node_modules", program), ...args], { cwd: directory });
  writeFileSync(join(directory, "openapi.json"), JSON.stringify(await server.ask("/v1/openapi.json")));
  writeFileSync(join(directory, "package.json"), `{ "type": "module" }`);
  await run("oazapfts/dist/cli.js", "--argumentStyle=object", "--useUnknown", "openapi.json", "client.ts");
  const options = ["--noEmit", "--strict", "--skipLibCheck", "--module", "nodenext", "--target", "esnext"];
  await run(".bin/tsc", ...options, "--types", "node", "client.ts");
  return (await import(join(directory, "client.ts"))) as GeneratedClient;
}

/** The package that `tsfn deploy` would send. */
async function upload(t: ExecutionContext, text: string): Promise<Blob> {
  const directory = functionOf(
    t,
    { name: "api", secrets: ["GREETING"] },
    `console.log("called ${text}");
    const got = request.body === null ? null : await request.json();
    return Response.json({ said: "${text} " + process.env.GREETING, got });`,
  );
  const source = await loadSource(directory);
  const bytes = await buffer(packFunction(await bundleFunction(source), source.manifestText));
  return new Blob([new Uint8Array(bytes)], { type: "application/x-tar" });
}

/** The client's runtime takes every type with "json" in its name for one document, so it is told that lines are text. */
const fetchText: typeof fetch = async (input, init) => {
  const answer = await fetch(input, init);
  return new Response(answer.body, { status: answer.status, headers: { "content-type": "text/plain" } });
};

async function data(answer: Promise<Answer>): Promise<unknown> {
  return (await answer).data;
}
