// tsfn invoke: calls a function through the admin API and prints its answer's body as it arrives. An answer of the
// function is data, whatever its status; an answer of tsfn itself (no such function, timeout, crash) is a failure.

import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import type { Command } from "commander";
import { isErrno, TsfnError } from "../../../runtime/errors.ts";
import { parseProblem } from "../client.ts";
import { contextOf, functionPath, withExamples } from "../context.ts";
import { neutralise } from "../terminal.ts";

const maxProblemBytes = 2 ** 20;

interface InvokeOptions {
  readonly data?: string;
  readonly method?: string;
  readonly header?: readonly string[];
  readonly path?: string;
  readonly fail?: boolean;
}

export function configure(command: Command): void {
  const collect = (text: string, earlier: readonly string[] = []): readonly string[] => [...earlier, text];
  command
    .argument("<name>", "the function")
    .option("-d, --data <data>", "request body; @file reads a file, - reads stdin")
    .option("-X, --method <method>", "default: POST with a body, else GET")
    .option("-H, --header <header>", "a request header, `name: value`; may be repeated", collect)
    .option("--path <path>", "path and query that the function sees (default: /)")
    .option("--fail", "exit with 8 when the function answers 400 or above")
    .action(async (name: string, options: InvokeOptions) => invoke(name, options, command));
  withExamples(command, [
    ["tsfn invoke hello", "GET, the body on stdout"],
    [`tsfn invoke hello -d '{"name":"you"}'`, "POST some JSON"],
    ["tsfn invoke echo -d @photo.jpg --fail > copy.jpg", "send a file, fail like a command"],
  ]);
}

async function invoke(name: string, options: InvokeOptions, command: Command): Promise<void> {
  const { output, client } = contextOf(command);
  const body = await requestBody(options.data);
  const response = await client().send({
    method: (options.method ?? (body === undefined ? "GET" : "POST")).toUpperCase(),
    path: functionPath(name, `/invoke${invocationPath(options.path ?? "/")}`),
    headers: requestHeaders(options.header ?? [], options.data),
    ...(body !== undefined && { body }),
  });
  const early = await readProblem(response);
  const answer = early === null ? response : [early];
  if (output.json) output.document(await answerDocument(response, answer));
  else await printBody(answer);
  if (options.fail && (response.statusCode ?? 0) >= 400) {
    output.note(`error: ${name} answered ${response.statusCode}`);
    process.exitCode = 8;
  }
}

async function requestBody(data: string | undefined): Promise<string | Readable | undefined> {
  if (data === "-") return process.stdin;
  if (!data?.startsWith("@")) return data;
  // Opened here, so that a missing file is told before anything is sent.
  const file = await open(data.slice(1)).catch((cause: Error) => {
    const found = isErrno(cause, "ENOENT") ? "there is no such file" : cause.message;
    throw new TsfnError("USAGE", `--data is "${data}": ${found}`, { cause });
  });
  return createReadStream("", { fd: file });
}

function invocationPath(path: string): string {
  if (path.startsWith("/")) return path === "/" ? "" : path;
  if (path.startsWith("?")) return path;
  throw new TsfnError("USAGE", `--path is "${path}"; wanted it to begin with /`);
}

/** The type is guessed from what was typed, never from a file or a stream. */
function requestHeaders(lines: readonly string[], data: string | undefined): Record<string, readonly string[]> {
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    const [, name, value] = /^([^:\s]+):\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) {
      throw new TsfnError("USAGE", `--header is "${line}"; wanted name: value`);
    }
    headers.set(name.toLowerCase(), [...(headers.get(name.toLowerCase()) ?? []), value]);
  }
  if (data !== undefined && !headers.has("content-type")) headers.set("content-type", [guessType(data)]);
  return Object.fromEntries(headers);
}

function guessType(data: string): string {
  if (data === "-" || data.startsWith("@")) return "application/octet-stream";
  return /^\s*[[{"]/.test(data) ? "application/json" : "text/plain;charset=utf-8";
}

/**
 * Throws what tsfn itself answered; null when the function did. A function may answer with a problem document of its
 * own: what was read of it is returned.
 */
async function readProblem(response: IncomingMessage): Promise<Buffer | null> {
  const { "content-type": type = "", "content-length": length } = response.headers;
  // Ours are short and say how long they are; anything else is left to stream.
  if (!type.startsWith("application/problem+json") || !(Number(length) <= maxProblemBytes)) return null;
  const bytes = Buffer.concat(await response.toArray());
  const problem = parseProblem(bytes.toString("utf8"));
  if (problem !== null) throw problem;
  return bytes;
}

type Body = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

async function answerDocument({ statusCode, headers }: IncomingMessage, answer: Body): Promise<unknown> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const text = bytes.toString("utf8");
  const exact = Buffer.from(text, "utf8").equals(bytes);
  return { status: statusCode, headers, ...(exact ? { body: text } : { bodyBase64: bytes.toString("base64") }) };
}

/** A terminal gets text that cannot drive it; a pipe or a file gets every byte as it came. */
async function printBody(answer: Body): Promise<void> {
  const decoder = new TextDecoder();
  let last = "\n";
  for await (const chunk of answer) {
    const text = process.stdout.isTTY ? neutralise(decoder.decode(chunk, { stream: true })) : chunk;
    await write(text);
    last = typeof text === "string" ? (text.at(-1) ?? last) : last;
  }
  if (last !== "\n") await write("\n");
}

async function write(chunk: Uint8Array | string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  process.stdout.write(chunk, () => resolve());
  await promise;
}
