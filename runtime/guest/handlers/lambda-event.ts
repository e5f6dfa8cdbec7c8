// A call as the event of a Lambda function, payload format 2.0 of an HTTP API or a function URL, and what the function
// returns as an answer. https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html

import { Buffer, isUtf8 } from "node:buffer";
import { BadResponse, describe } from "../failure.ts";
import { pairsOf } from "./flat-headers.ts";
import type { IncomingCall, ResponseLike } from "./handler.ts";

// Taken before the function's code runs, which may put its own in place.
const { Response } = globalThis;

/** Read as text; every other body is base64. */
const textTypes = /^(?:text\/|application\/(?:json|javascript|xml|x-www-form-urlencoded|graphql)|[^;]*\+(?:json|xml))/i;

export async function eventOf(call: IncomingCall, apiId: string): Promise<Readonly<Record<string, unknown>>> {
  const { method, context } = call;
  const url = new URL(call.url);
  const { headers, cookies } = readHeaders(call.headers);
  const rawPath = decodePath(url.pathname);
  const query = joined([...url.searchParams]);
  const at = new Date();
  return {
    version: "2.0",
    routeKey: "$default",
    rawPath,
    rawQueryString: url.search.slice(1),
    ...(cookies.length > 0 && { cookies }),
    headers,
    ...(url.search.length > 1 && { queryStringParameters: query }),
    requestContext: {
      accountId: "anonymous",
      apiId,
      domainName: url.hostname,
      domainPrefix: url.hostname.split(".")[0],
      http: {
        method,
        path: rawPath,
        protocol: "HTTP/1.1",
        sourceIp: headers["x-forwarded-for"]?.split(",")[0] ?? "127.0.0.1",
        userAgent: headers["user-agent"] ?? "",
      },
      requestId: context.requestId,
      routeKey: "$default",
      stage: "$default",
      time: commonLogTime(at),
      timeEpoch: at.getTime(),
    },
    ...(await readBody(call, headers)),
  };
}

/** What a function returned that did not stream. @throws BadResponse */
export function answerOf(result: unknown): ResponseLike {
  if (typeof result !== "object" || result === null || !("statusCode" in result)) return inferred(result);
  const { statusCode, headers = {}, cookies = [], body = "", isBase64Encoded } = result as StructuredResult;
  const status = typeof statusCode === "string" ? Number(statusCode) : statusCode;
  if (typeof status !== "number") throw new BadResponse(`statusCode is ${describe(statusCode)}; wanted a number`);
  if (body !== null && typeof body !== "string") {
    throw new BadResponse(
      `the function returned a body that is ${describe(body)}; wanted a string, as of JSON.stringify`,
    );
  }
  const bytes = Buffer.from(body ?? "", isBase64Encoded === true ? "base64" : "utf8");
  const pairs = headPairs({ headers, cookies });
  if (!pairs.some(([name]) => name.toLowerCase() === "content-type")) pairs.push(["content-type", "application/json"]);
  return { status, headers: pairs, body: bytes.length === 0 ? null : new Response(bytes).body };
}

/** Headers and cookies as a function gives them, also for streams. @throws BadResponse */
export function headPairs({ headers, cookies }: { headers?: unknown; cookies?: unknown }): [string, string][] {
  const pairs: [string, string][] = [];
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (typeof value === "object" && value !== null) {
      throw new BadResponse(`the header ${name} is ${describe(value)}; wanted a string`);
    }
    if (value !== undefined && value !== null) pairs.push([name, String(value)]);
  }
  if (cookies !== undefined && !Array.isArray(cookies)) {
    throw new BadResponse(`cookies is ${describe(cookies)}; wanted a list of strings`);
  }
  for (const cookie of cookies ?? []) pairs.push(["set-cookie", String(cookie)]);
  return pairs;
}

interface StructuredResult {
  readonly statusCode: unknown;
  readonly headers?: unknown;
  readonly cookies?: unknown;
  readonly body?: unknown;
  readonly isBase64Encoded?: unknown;
}

/** Without a statusCode, whatever was returned is the body. */
function inferred(result: unknown): ResponseLike {
  const text = typeof result === "string" ? result : (JSON.stringify(result) ?? "null");
  return { status: 200, headers: [["content-type", "application/json"]], body: new Response(text).body };
}

function readHeaders(flat: readonly string[]): { headers: Record<string, string>; cookies: string[] } {
  const pairs: [string, string][] = [];
  const cookies: string[] = [];
  for (const [name, value] of pairsOf(flat)) {
    if (name === "cookie") cookies.push(...value.split(/;\s*/).filter((cookie) => cookie !== ""));
    else pairs.push([name, value]);
  }
  return { headers: joined(pairs), cookies };
}

/** Those that repeat are joined with commas. */
function joined(pairs: readonly (readonly [string, string])[]): Record<string, string> {
  const record = new Map<string, string>();
  for (const [name, value] of pairs) {
    const before = record.get(name);
    record.set(name, before === undefined ? value : `${before},${value}`);
  }
  return Object.fromEntries(record);
}

async function readBody(call: IncomingCall, headers: Readonly<Record<string, string>>) {
  if (call.body === null) return { isBase64Encoded: false };
  const bytes = Buffer.from(await new Response(call.body).arrayBuffer());
  const { "content-type": type = "", "content-encoding": encoding = "identity" } = headers;
  const isBase64Encoded = !(textTypes.test(type) && encoding === "identity" && isUtf8(bytes));
  return { body: bytes.toString(isBase64Encoded ? "base64" : "utf8"), isBase64Encoded };
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path; // Its escapes are no UTF-8.
  }
}

/** `12/Mar/2020:19:03:58 +0000` */
function commonLogTime(at: Date): string {
  const [, day, month, year, time] = /^\w+, (\d+) (\w+) (\d+) ([\d:]+) GMT$/.exec(at.toUTCString()) ?? [];
  return `${day}/${month}/${year}:${time} +0000`;
}
