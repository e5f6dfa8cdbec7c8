// A gateway over real sockets in front of handlers written in the test: for claims about HTTP framing, where an instance
// would only stand in the way. Claims about functions run against the real runtime.

import { connect } from "node:net";
import { Readable } from "node:stream";
import type { ExecutionContext } from "ava";
import { pino } from "pino";
import { Exchanges } from "../../gateway/exchanges.ts";
import type { ListenerLimits } from "../../gateway/listener-limits.ts";
import { type Listener, openPublicListener } from "../../gateway/server.ts";
import type { FunctionVersion, Manifest } from "../../runtime/catalog/index.ts";
import { TsfnError } from "../../runtime/errors.ts";
import type { Answer, Invocation } from "../../runtime/invocation.ts";

export type Handler = (invocation: Invocation) => Promise<Answer> | Answer;

export interface TestGateway {
  readonly listener: Listener;
  readonly exchanges: Exchanges;
  readonly port: number;
  /** `[name, status]` of every call that ended. */
  readonly calls: [string, number][];
  /** What the daemon would have logged. */
  readonly logged: string[];
  /** Sends bytes as they are and resolves with all that came back when the server has closed the connection. */
  raw(bytes: string | Buffer): Promise<string>;
}

export async function openTestGateway(
  t: ExecutionContext,
  handlers: Readonly<Record<string, Handler>>,
  limits?: ListenerLimits,
): Promise<TestGateway> {
  const exchanges = new Exchanges();
  const calls: [string, number][] = [];
  const logged: string[] = [];
  const found = new Map(Object.entries(handlers));
  const parts = {
    runtime: {
      routeTo: (host: string, path: string) => (host === "custom" && path === "/routed" ? "hello" : undefined),
      current: (name: string) => (found.has(name) ? testVersion(name) : undefined),
      invoke: async (invocation: Invocation) => {
        const handler = found.get(invocation.functionName);
        if (handler === undefined) throw new TsfnError("FUNCTION_NOT_FOUND", "not here");
        return await handler(invocation);
      },
    },
    exchanges,
    calls: { ended: (name: string, status: number) => void calls.push([name, status]) },
    tracing: null,
    log: pino({ base: null }, { write: (line: string) => void logged.push(line) }),
  };
  const listener = await openPublicListener({ host: "127.0.0.1", port: 0 }, parts, limits);
  t.teardown(() => listener.close());
  const port = Number(new URL(listener.url).port);
  return { listener, exchanges, port, calls, logged, raw: (bytes) => sendRaw(port, bytes) };
}

export const bodyLimitBytes = 100_000;

export function testVersion(name: string): FunctionVersion {
  const limits = { memoryBytes: 0, cpus: 1, timeoutMs: 1_000, diskBytes: 0, pids: 1, bodyBytes: bodyLimitBytes };
  const manifest: Manifest = {
    name,
    runtime: "node26",
    handler: "auto",
    env: {},
    secrets: [],
    routes: [],
    limits,
    concurrency: 1,
    reuse: "process",
    prefork: "function",
    scaling: { min: 0, max: 1, idleTimeoutMs: 1_000 },
    network: "none",
  };
  return { function: name, number: 3, manifest, layer: "", sizeBytes: 0, createdAt: "2026-01-01T00:00:00.000Z" };
}

export function answerOf(
  body: string | Buffer | Readable | null,
  { status = 200, headers = [] as readonly string[], cold = false } = {},
): Answer {
  const stream = body === null || body instanceof Readable ? body : bufferedBody(Buffer.from(body));
  return { status, headers, body: stream, version: 3, cold, timing: { queueMs: 0, initMs: 0, execMs: 1 } };
}

/** As an instance's body that arrived together with its head. */
function bufferedBody(bytes: Buffer): Readable {
  const stream = new Readable({ read: () => {} });
  stream.push(bytes);
  stream.push(null);
  return stream;
}

export async function readAll(stream: AsyncIterable<Buffer> | null): Promise<Buffer> {
  const chunks: Buffer[] = [];
  if (stream !== null) for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function sendRaw(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    let received = "";
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      received += text;
    });
    // A reset after the answer is the server's right; what arrived before it counts.
    socket.on("error", () => socket.destroy());
    socket.once("close", () => resolve(received));
    socket.write(bytes);
  });
}

export interface RawResponse {
  readonly status: number;
  /** `name: value` lines, names in lower case. */
  readonly headers: readonly string[];
  readonly body: string;
  readonly complete: boolean;
}

/** Splits what came back on one connection into responses, strictly by their framing. */
export function parseResponses(received: string): RawResponse[] {
  const responses: RawResponse[] = [];
  let rest = received;
  while (rest !== "") {
    const end = rest.indexOf("\r\n\r\n");
    if (end === -1) throw new Error(`no end of a head in ${JSON.stringify(rest)}`);
    const [first = "", ...lines] = rest.slice(0, end).split("\r\n");
    const headers = lines.map((line) => line.replace(/^[^:]*/, (name) => name.toLowerCase()));
    rest = rest.slice(end + 4);
    const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1]);
    const length = headers
      .map((line) => /^content-length: (\d+)$/.exec(line)?.[1])
      .find((value) => value !== undefined);
    let body = "";
    let complete = true;
    if (headers.includes("transfer-encoding: chunked")) {
      complete = false;
      for (;;) {
        const size = /^([0-9a-f]+)\r\n/.exec(rest);
        if (size === null) break;
        const bytes = Number.parseInt(size[1] ?? "", 16);
        body += rest.slice(size[0].length, size[0].length + bytes);
        rest = rest.slice(size[0].length + bytes + 2);
        complete = bytes === 0;
        if (complete) break;
      }
    } else if (length !== undefined) {
      body = rest.slice(0, Number(length));
      complete = body.length === Number(length);
      rest = rest.slice(Number(length));
    }
    responses.push({ status, headers, body, complete });
    if (!complete) break;
  }
  return responses;
}

/** The bytes of a GET of a function, with these header lines. */
export function get(path: string, ...lines: string[]): string {
  return `GET /function/${path} HTTP/1.1\r\nHost: a\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`;
}

/** The header line that makes a request the last of its connection. */
export const last = "Connection: close";

/** Values by name. */
export function pairs(headers: readonly string[]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] ?? "";
    found.set(name, [...(found.get(name) ?? []), headers[at + 1] ?? ""]);
  }
  return found;
}
