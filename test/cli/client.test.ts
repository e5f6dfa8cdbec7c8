// The client of the admin API against real sockets: every way in which a server can fail to answer becomes a TsfnError.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { createServer as createNetServer, type Server } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { promisify } from "node:util";
import test, { type ExecutionContext } from "ava";
import { openClient, readText } from "../../gateway/cli/client.ts";
import { TsfnError, toProblem } from "../../runtime/errors.ts";
import { runCommand, tsfn } from "../support/command.ts";
import { temporaryDirectory } from "../support/function-directory.ts";

async function listening(t: ExecutionContext, server: Server): Promise<string> {
  const path = join(temporaryDirectory(t), "admin.sock");
  server.listen(path);
  await once(server, "listening");
  t.teardown(() => server.close());
  return path;
}

const answering = (t: ExecutionContext, listener: RequestListener) => listening(t, createServer(listener));

const failure = async (t: ExecutionContext, promise: Promise<unknown>): Promise<TsfnError> =>
  (await t.throwsAsync(promise, { instanceOf: TsfnError })) as TsfnError;

const problems = [{ message: "m", file: "tsfn.json", line: 1, column: 2 }];
const thrown = new TsfnError("MANIFEST_INVALID", "two things", { problems, hint: "do", function: "f", version: 3 });

test("a problem document becomes the error it was made from", async (t) => {
  const path = await answering(t, (_request, response) => {
    response.writeHead(400, { "content-type": "application/problem+json" }).end(JSON.stringify(toProblem(thrown)));
  });
  const error = await failure(t, openClient(path).json({ method: "GET", path: "/v1/info" }));
  t.deepEqual(toProblem(error), toProblem(thrown));
});

test("a failure that is no problem document is told as it came, cut short", async (t) => {
  const path = await answering(t, (_request, response) => response.writeHead(502).end("x".repeat(10_000)));
  const error = await failure(t, openClient(path).json({ method: "GET", path: "/v1/info" }));
  t.is(error.code, "INTERNAL");
  t.regex(error.message, /^GET \/v1\/info was answered 502: x{200}$/);
});

test("an answer without a body is undefined, one with a body is parsed", async (t) => {
  const path = await answering(t, ({ url }, response) => {
    if (url === "/none") response.writeHead(204).end();
    else response.end('{"a":1}');
  });
  const client = openClient(path);
  t.is(await client.json({ method: "DELETE", path: "/none" }), undefined);
  t.deepEqual(await client.json({ method: "GET", path: "/some" }), { a: 1 });
});

test("a body streams, over the socket and over a URL below a path", async (t) => {
  const listener: RequestListener = (request, response) => {
    response.setHeader("x-path", request.url ?? "");
    request.pipe(response);
  };
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  t.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  for (const [address, seen] of [
    [await answering(t, listener), "/v1/x"],
    [`http://127.0.0.1:${port}/tsfn/`, "/tsfn/v1/x"],
  ] as const) {
    const body = Readable.from(["some ", "text"]);
    const response = await openClient(address).stream({ method: "PUT", path: "/v1/x", body });
    t.is(response.headers["x-path"], seen);
    t.is(await readText(response), "some text");
  }
});

test("an answer that comes before the body was read counts, not the broken pipe", async (t) => {
  const path = await answering(t, (request, response) => {
    response.writeHead(413, { "content-type": "application/problem+json", connection: "close" });
    response.end(JSON.stringify(toProblem(new TsfnError("BODY_TOO_LARGE", "too much"))));
    response.once("finish", () => request.socket.destroySoon());
  });
  const body = Readable.from(Array.from({ length: 200 }, () => Buffer.alloc(65_536)));
  const error = await failure(t, openClient(path).stream({ method: "PUT", path: "/", body }));
  t.is(error.code, "BODY_TOO_LARGE");
});

test("a body that fails is that failure, not the server's", async (t) => {
  const path = await answering(t, (request) => request.resume());
  const body = new Readable({ read: () => body.destroy(new TsfnError("SOURCE_INVALID", "the file changed")) });
  const error = await failure(t, openClient(path).stream({ method: "PUT", path: "/", body }));
  t.is(error.code, "SOURCE_INVALID");
});

test("a connection that breaks, and a server that speaks something else, are unreachable", async (t) => {
  const broken = await listening(
    t,
    createNetServer((socket) => socket.destroy()),
  );
  const foreign = await listening(
    t,
    createNetServer((socket) => socket.end("SSH-2.0-OpenSSH\r\n")),
  );
  for (const path of [broken, foreign]) {
    const error = await failure(t, openClient(path).json({ method: "GET", path: "/" }));
    t.is(error.code, "SERVER_UNREACHABLE");
    t.true(error.message.startsWith(path));
  }
});

test("an answer cut off in the middle is exit code 5, not a short body", async (t) => {
  const path = await answering(t, (_request, response) => {
    response.writeHead(200, { "content-length": "100" }).write("only this");
    setImmediate(() => response.destroy());
  });
  const { code, stdout } = await runCommand(["list", "--server", path]);
  t.is(code, 5);
  t.is(stdout, "");
});

test("a socket that may not be opened is exit code 4", async (t) => {
  const path = await answering(t, (_request, response) => response.end());
  // Somebody else's, for a user whose privileges end at its own namespace.
  chmodSync(path, 0o600);
  chownSync(path, 61_999, 61_999);
  const run = promisify(execFile)("unshare", ["--user", tsfn, "list", "--server", path]);
  const { code, stderr } = (await t.throwsAsync(run)) as unknown as { code: number; stderr: string };
  t.is(code, 4, stderr);
  t.regex(stderr, /^error: Not allowed\n.*\nfix: {3}.*sudo\n.*\n$/);
});
