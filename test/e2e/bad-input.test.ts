// What strangers and tired people send: each mistake is answered with its code and its place, and harms nothing else.
// Mistakes of the one who deploys come first, then those of callers. The operator's are in bad-start.test.ts.

import { once } from "node:events";
import { type ClientRequest, type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import test, { type ExecutionContext } from "ava";
import type { ProblemDocument } from "../../runtime/errors.ts";
import { example, functionDirectory, functionOf } from "../support/function-directory.ts";
import { type Server, startServer } from "../support/server.ts";

const handler = 'export default { fetch: () => new Response("ok") };\n';

async function refused(
  server: Server,
  directory: string,
  ...flags: string[]
): Promise<ProblemDocument & { exit: number | null }> {
  const { code, stdout, stderr } = await server.cli(["deploy", directory, "--json", ...flags]);
  try {
    return { ...(JSON.parse(stdout) as ProblemDocument), exit: code };
  } catch (cause) {
    throw new Error(`stdout of a refused deploy is no problem document: ${stdout}\n${stderr}`, { cause });
  }
}

async function withHello(t: ExecutionContext): Promise<Server> {
  const server = await startServer(t);
  await server.deploy(example("hello"));
  return server;
}

const stillGreets = async (t: ExecutionContext, server: Server): Promise<void> => {
  t.deepEqual(await (await server.fetch("/function/hello")).json(), { message: "Hello, world!" });
};

test.serial("a wrong manifest: every problem at once, each with its line and column", async (t) => {
  const server = await withHello(t);
  const directory = functionDirectory(t, {
    "index.ts": handler,
    "tsfn.json":
      '{\n  "name": "hello",\n  "limts": {},\n  "concurrency": 0,\n  "limits": { "memory": "lots", "pids": -1 }\n}\n',
  });
  const { code, exit, problems = [] } = await refused(server, directory);
  t.is(code, "MANIFEST_INVALID");
  t.is(exit, 2);
  t.deepEqual([...new Set(problems.map(({ line }) => line))].sort(), [3, 4, 5]);
  t.true(problems.length >= 4);
  t.true(problems.every(({ file, column }) => /tsfn\.json$/.test(file ?? "") && (column ?? 0) > 0));
  t.true(
    problems.some(({ message, hint }) => `${message}${hint}`.includes("limits")),
    "the nearest key is named",
  );
  await stillGreets(t, server);
});

test.serial("a source that does not parse: esbuild's message with file and line", async (t) => {
  const server = await withHello(t);
  const directory = functionDirectory(t, {
    "tsfn.json": '{ "name": "hello" }',
    "index.ts": `${handler}\nconst = 1;\n`,
  });
  const { code, exit, problems } = await refused(server, directory);
  t.is(code, "BUNDLE_FAILED");
  t.is(exit, 2);
  t.like(problems?.[0], { line: 3 });
  t.regex(problems?.[0]?.file ?? "", /index\.ts$/);
  await stillGreets(t, server);
});

test.serial("a module that throws while loading: the mapped stack, and the old version stays live", async (t) => {
  const server = await withHello(t);
  const throwing = `type Unused = string;\n\nthrow new Error("not today");\n${handler}`;
  const directory = functionDirectory(t, { "tsfn.json": '{ "name": "hello" }', "index.ts": throwing });
  const problem = await refused(server, directory);
  t.is(problem.code, "LOAD_FAILED");
  t.is(problem.exit, 1);
  t.regex(JSON.stringify(problem), /not today/);
  t.regex(JSON.stringify(problem), /index\.ts:3/);
  await stillGreets(t, server);
});

test.serial(
  "a module without a handler, a bare default function and a module that never loads are refused",
  async (t) => {
    const server = await withHello(t);
    const none = await refused(
      server,
      functionDirectory(t, { "tsfn.json": '{ "name": "hello" }', "index.ts": "export const a = 1;\n" }),
    );
    t.is(none.code, "LOAD_FAILED");
    const bare = await refused(
      server,
      functionDirectory(t, { "tsfn.json": '{ "name": "hello" }', "index.ts": "export default function f() {}\n" }),
    );
    t.is(bare.code, "LOAD_FAILED");
    const exits = await refused(
      server,
      functionDirectory(t, { "tsfn.json": '{ "name": "hello" }', "index.ts": `process.exit(3);\n${handler}` }),
    );
    t.true(["LOAD_FAILED", "STARTUP_FAILED"].includes(exits.code), exits.code);
    await stillGreets(t, server);
  },
);

test.serial("names that are no names are refused, on the command line, in the manifest and in a URL", async (t) => {
  const server = await withHello(t);
  const names = ["..", "__proto__", "a".repeat(300), "Hello", "a/b", "-a", "constructor ", "a\u0000b", "é"];
  for (const name of names) {
    const directory = functionDirectory(t, { "tsfn.json": JSON.stringify({ name }), "index.ts": handler });
    const { code } = await refused(server, directory);
    t.true(["NAME_INVALID", "MANIFEST_INVALID"].includes(code), `${JSON.stringify(name)} in the manifest: ${code}`);
    const response = await server.fetch(`/function/${encodeURIComponent(name)}`);
    t.true([400, 404].includes(response.status), `${JSON.stringify(name)} in a URL: ${response.status}`);
    t.regex(response.headers.get("content-type") ?? "", /^application\/problem\+json/);
  }
  t.is((await refused(server, example("hello"), "--name", "..")).exit, 2);
  await stillGreets(t, server);
});

test.serial("a directory without a function, and one that is not there", async (t) => {
  const server = await withHello(t);
  t.is((await refused(server, functionDirectory(t, { "tsfn.json": '{ "name": "none" }' }))).code, "SOURCE_INVALID");
  t.is((await refused(server, "/nonexistent")).code, "SOURCE_INVALID");
});

test.serial("an unknown function is 404 with what to do", async (t) => {
  const server = await startServer(t);
  const response = await server.fetch("/function/nobody");
  t.is(response.status, 404);
  t.is(response.headers.get("content-type"), "application/problem+json");
  t.like(await response.json(), { code: "FUNCTION_NOT_FOUND", retryable: false });
  t.is((await server.cli(["invoke", "nobody"])).code, 3);
  t.like(await (await server.fetch("/elsewhere")).json(), { code: "ROUTE_NOT_FOUND" });
});

test.serial("a body over the limit is 413, announced or not, and the next request is right", async (t) => {
  const server = await startServer(t);
  const body = "return new Response(String((await request.arrayBuffer()).byteLength));";
  await server.deploy(functionOf(t, { name: "count", limits: { body: "1kb" } }, body));
  const send = async (write: (outgoing: ClientRequest) => void): Promise<[number | undefined, string]> => {
    const outgoing = request(`${server.url()}/function/count`, { method: "POST", agent: false });
    const responded = once(outgoing, "response") as Promise<[IncomingMessage]>;
    outgoing.on("error", () => {});
    write(outgoing);
    const [response] = await responded;
    return [response.statusCode, await text(response).catch(() => "")];
  };
  const [announced, document] = await send((outgoing) => outgoing.end("x".repeat(1_025)));
  t.is(announced, 413);
  t.like(JSON.parse(document), { code: "BODY_TOO_LARGE" });
  const [chunked] = await send((outgoing) => {
    outgoing.write("x".repeat(1_000));
    outgoing.end("x".repeat(1_000));
  });
  t.is(chunked, 413);
  t.deepEqual(await send((outgoing) => outgoing.end("x".repeat(1_024))), [200, "1024"]);
});

test.serial("malformed requests get 400 and harm nobody", async (t) => {
  const server = await withHello(t);
  const { hostname, port } = new URL(server.url());
  const malformed = [
    "GARBAGE\r\n\r\n",
    "GET /function/hello HTTP/1.1\r\n\r\n",
    "GET /function/hello HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "GET /function/hello HTTP/1.1\r\nHost: x\r\nBad Header: x\r\n\r\n",
    "POST /function/hello HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "POST /function/hello HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
  ];
  for (const bytes of malformed) {
    const socket = connect(Number(port), hostname);
    socket.write(bytes);
    const answer = await text(socket);
    t.regex(answer, /^HTTP\/1\.1 (?:400|5\d\d) /, JSON.stringify(bytes));
    t.notRegex(answer, /^HTTP\/1\.1 5/, JSON.stringify(bytes));
  }
  await stillGreets(t, server);
});

test.serial("an upload that is no package is refused", async (t) => {
  const server = await withHello(t);
  const upload = request({ socketPath: server.admin, path: "/v1/functions/hello", method: "PUT", agent: false });
  upload.setHeader("content-type", "application/x-tar");
  const responded = once(upload, "response");
  upload.end(Buffer.alloc(100_000, "junk"));
  const [response] = await responded;
  t.like(JSON.parse(await text(response)), { code: "PACKAGE_INVALID" });
  await stillGreets(t, server);
});
