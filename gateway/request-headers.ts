// What a function sees of the request's headers: the client's less what belongs to this connection, what is reserved and
// what a client could forge, plus what the gateway knows. invoke.ts puts the result into the Invocation.

import type { IncomingMessage } from "node:http";
import { TsfnError } from "../runtime/errors.ts";
import { isTraceparent, newTraceparent } from "./request-id.ts";
import { parseTarget, shown } from "./routes.ts";

/** RFC 9110, section 7.6.1, and what proxies have long treated alike. Lower case. */
const hopByHop: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Written by the gateway alone; a client's own would be a claim nobody checked. */
const rebuilt: ReadonlySet<string> = new Set(["forwarded", "x-request-id", "traceparent", "expect"]);

function isReserved(name: string): boolean {
  return name.startsWith("x-") && (name.startsWith("x-tsfn-") || name.startsWith("x-forwarded-"));
}

/** Host as the client named it, with its port. @throws TsfnError REQUEST_MALFORMED */
export function authorityOf(request: IncomingMessage): string {
  const hosts = valuesOf(request.rawHeaders, "host");
  if (hosts.length > 1) throw malformed(`The request has ${hosts.length} Host headers; wanted one`);
  const host = parseTarget(request.url ?? "").authority ?? hosts[0];
  if (host === undefined || host === "") {
    if (request.httpVersion === "1.0") return ownAuthority(request);
    throw malformed("The request has no Host header; HTTP/1.1 wants one");
  }
  // What no URL can have, as 1.2.3.256 or a port beyond 65535, no function could make one of.
  if (!/^(?:\[[0-9a-f:.]+\]|[a-z0-9._~-]+)(?::\d{1,5})?$/i.test(host) || !URL.canParse(`http://${host}`)) {
    throw malformed(`The Host header is ${shown(host)}; wanted a host name with an optional port`);
  }
  return host;
}

/** Only `chunked` frames a body safely: anything else hides where the request ends. @throws TsfnError REQUEST_MALFORMED */
export function checkTransferEncoding(request: IncomingMessage): void {
  const encoding = request.headers["transfer-encoding"];
  if (encoding === undefined || encoding.trim().toLowerCase() === "chunked") return;
  throw malformed(`The Transfer-Encoding is ${shown(encoding)}; wanted chunked`);
}

/** Flat, names in lower case. */
export function functionHeaders(
  request: IncomingMessage,
  own: {
    readonly requestId: string;
    readonly authority: string;
    readonly prefix: string;
    /** Of the call's own span, which continues the client's trace; undefined when nobody traces. */
    readonly traceparent?: string | undefined;
  },
): string[] {
  const raw = request.rawHeaders;
  const named = connectionOptions(raw);
  const continued = traceparentOf(request);
  const headers: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? "").toLowerCase();
    if (hopByHop.has(name) || rebuilt.has(name) || named.has(name) || isReserved(name)) continue;
    if (name === "tracestate" && continued === undefined) continue;
    headers.push(name, raw[at + 1] ?? "");
  }
  headers.push("x-request-id", own.requestId, "traceparent", own.traceparent ?? continued ?? newTraceparent());
  headers.push(...forwarded(request, own.authority, own.prefix));
  return headers;
}

/** The client's, when it sent one and it may be continued. */
export function traceparentOf({ rawHeaders }: IncomingMessage): string | undefined {
  const [sent = "", ...others] = valuesOf(rawHeaders, "traceparent");
  return others.length === 0 && isTraceparent(sent) ? sent : undefined;
}

/** Names that `Connection` lists, and the names that never travel further. */
export function connectionOptions(headers: readonly string[]): ReadonlySet<string> {
  const values = valuesOf(headers, "connection");
  if (values.length === 0) return none;
  return new Set(values.flatMap((value) => value.split(",")).map((option) => option.trim().toLowerCase()));
}

export function isHopByHop(name: string): boolean {
  return hopByHop.has(name);
}

const none: ReadonlySet<string> = new Set();

/** RFC 7239 and its older relatives. No proxy in front is trusted, so the peer of the connection is the client. */
function forwarded(request: IncomingMessage, authority: string, prefix: string): string[] {
  const address = request.socket.remoteAddress?.replace(/^::ffff:(?=\d+\.)/, "");
  const node = address === undefined ? "unknown" : address.includes(":") ? `"[${address}]"` : address;
  const headers = ["forwarded", `for=${node};host="${authority}";proto=http`];
  if (address !== undefined) headers.push("x-forwarded-for", address);
  headers.push("x-forwarded-proto", "http", "x-forwarded-host", authority);
  if (prefix !== "") headers.push("x-forwarded-prefix", prefix);
  return headers;
}

function valuesOf(headers: readonly string[], wanted: string): string[] {
  const values: string[] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? "";
    if (name.length === wanted.length && name.toLowerCase() === wanted) values.push(headers[at + 1] ?? "");
  }
  return values;
}

function ownAuthority(request: IncomingMessage): string {
  const { localAddress, localPort } = request.socket;
  if (localAddress === undefined) return "localhost";
  return localAddress.includes(":") ? `[${localAddress}]:${localPort}` : `${localAddress}:${localPort}`;
}

function malformed(message: string): TsfnError {
  return new TsfnError("REQUEST_MALFORMED", message);
}
