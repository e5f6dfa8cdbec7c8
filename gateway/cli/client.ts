// The client of the admin API, over its unix socket or a URL. Every failure is a TsfnError: what the server says as a
// problem document, and what happens when no server can be reached. node:http and nothing else, so that it starts fast.

import type { IncomingMessage, OutgoingHttpHeaders, RequestOptions } from "node:http";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type ErrorFields, isErrno, type Problem, problemType, TsfnError } from "../../runtime/errors.ts";
import { isErrorCode } from "./report-error.ts";

export interface Ask {
  readonly method: string;
  /** Below the server's root, e.g. `/v1/info`. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: Readable | string | Uint8Array;
  readonly signal?: AbortSignal;
}

export interface Client {
  /** The socket's path or the URL, as the user knows it. */
  readonly address: string;
  /** Resolves with the head, whatever its status; the caller reads the body. */
  send(ask: Ask): Promise<IncomingMessage>;
  /** As `send`, but an answer that is no success is thrown as the problem it describes. */
  stream(ask: Ask): Promise<IncomingMessage>;
  /** The answer's JSON body; undefined where there is none. The shape is the server's promise (its OpenAPI document). */
  json<Body>(ask: Ask): Promise<Body>;
}

/**
 * @param server an absolute path of a socket, or a URL
 * @param token what an admin API over TCP wants; it is sent to URLs only
 * @throws TsfnError USAGE
 */
export function openClient(server: string, token?: string): Client {
  const connect = target(server);
  const bearer = token === undefined || server.startsWith("/") ? {} : { authorization: `Bearer ${token}` };
  const send = (ask: Ask): Promise<IncomingMessage> =>
    dispatch(server, connect(ask), { ...ask, headers: { ...bearer, ...ask.headers } });
  const stream = async (ask: Ask): Promise<IncomingMessage> => {
    const response = await send(ask);
    if ((response.statusCode ?? 500) < 400) return response;
    throw problemError(await readText(response), response.statusCode ?? 500, `${ask.method} ${ask.path}`);
  };
  return {
    address: server,
    send,
    stream,
    json: async <Body>(ask: Ask) => {
      const text = await readText(await stream(ask));
      return (text === "" ? undefined : JSON.parse(text)) as Body;
    },
  };
}

export async function readText(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

/** The error in a problem document of ours; null when the text is something else. */
export function parseProblem(text: string): TsfnError | null {
  let found: Record<string, unknown>;
  try {
    found = JSON.parse(text) as Record<string, unknown>;
  } catch {
    return null; // Not JSON is not a failure here: functions answer with what they like.
  }
  if (typeof found !== "object" || found === null || !isErrorCode(found.code)) return null;
  // A function may use our codes in a problem document of its own.
  if (found.type !== problemType(found.code)) return null;
  const fields: ErrorFields = {
    ...(typeof found.hint === "string" && { hint: found.hint }),
    ...(typeof found.requestId === "string" && { requestId: found.requestId }),
    ...(typeof found.function === "string" && { function: found.function }),
    ...(typeof found.version === "number" && { version: found.version }),
    ...(Array.isArray(found.problems) && { problems: found.problems as Problem[] }),
  };
  return new TsfnError(found.code, String(found.detail ?? found.title ?? found.code), fields);
}

function target(server: string): (ask: Ask) => RequestOptions {
  if (server.startsWith("/")) return ({ path }) => ({ socketPath: server, path, host: "localhost" });
  if (!URL.canParse(server) || !/^https?:$/.test(new URL(server).protocol)) {
    throw new TsfnError("USAGE", `--server is "${server}"; wanted the path of a socket or an http:// URL`);
  }
  const { protocol, hostname, port, pathname } = new URL(server);
  const root = pathname.replace(/\/$/, "");
  return ({ path }) => ({ protocol, hostname, port, path: root + path });
}

function dispatch(server: string, connection: RequestOptions, ask: Ask): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  // An import reads all that the module exports, and the WebSocket of node:http then loads undici: 40 ms of cpu.
  const { request } = process.getBuiltinModule(connection.protocol === "https:" ? "node:https" : "node:http");
  const outgoing = request({
    ...connection,
    // For certificates only; Node would find it out for a plain connection too, which takes 5 ms.
    ...(connection.protocol !== "https:" && { servername: "" }),
    method: ask.method,
    ...(ask.headers && { headers: ask.headers as OutgoingHttpHeaders }),
    // One command asks few things: a kept connection would only keep the process.
    agent: false,
    ...(ask.signal && { signal: ask.signal }),
  });
  outgoing.once("response", resolve);
  // A server may answer before it has read the whole body (413); the answer counts then, not the broken pipe.
  outgoing.on("error", (cause) => reject(ask.signal?.aborted ? cause : connectionError(server, cause)));
  if (ask.body === undefined || typeof ask.body === "string" || ask.body instanceof Uint8Array) outgoing.end(ask.body);
  else pipeline(ask.body, outgoing).catch((cause) => reject(isNetwork(cause) ? connectionError(server, cause) : cause));
  return promise;
}

function connectionError(server: string, cause: Error): TsfnError {
  if (isErrno(cause, "EACCES") || isErrno(cause, "EPERM")) {
    return new TsfnError("NOT_ALLOWED", `${server} may not be opened by uid ${process.geteuid?.()}`, { cause });
  }
  const found = "code" in cause ? String(cause.code) : cause.message;
  const meaning = new Map([
    ["ENOENT", "there is no such socket"],
    ["ECONNREFUSED", "nobody listens there"],
    ["ECONNRESET", "the connection broke"],
    ["ENOTFOUND", "no host has this name"],
    ["EAI_AGAIN", "the name could not be looked up"],
    ["EHOSTUNREACH", "no way leads to this host"],
    ["ENETUNREACH", "no way leads to this network"],
    ["ETIMEDOUT", "the host did not answer"],
  ]).get(found);
  const detail = meaning === undefined ? found : `${meaning} (${found})`;
  const hint = "Check the URL, and that the server there was started with: tsfn server start --admin-listen";
  return new TsfnError("SERVER_UNREACHABLE", `${server}: ${detail}`, {
    cause,
    ...(!server.startsWith("/") && { hint }),
  });
}

function isNetwork(cause: unknown): cause is Error {
  return ["EPIPE", "ECONNRESET", "ECONNREFUSED", "ENOENT", "EACCES"].some(
    (code) => isErrno(cause, code) && !(cause as NodeJS.ErrnoException).path,
  );
}

function problemError(text: string, status: number, asked: string): TsfnError {
  return (
    parseProblem(text) ??
    new TsfnError("INTERNAL", `${asked} was answered ${status}: ${text.slice(0, 200) || "(empty)"}`)
  );
}
