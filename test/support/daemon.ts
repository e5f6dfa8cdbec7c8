// A whole daemon in this process, over process sandboxes: real catalog, layers, pools, instances, listeners. Only the
// kernel part is missing; test/e2e has that.

import { request as httpRequest, type IncomingMessage, type RequestOptions } from "node:http";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pino } from "pino";
import { type Daemon, startDaemon } from "../../gateway/index.ts";
import { bundleFunction, loadSource, packFunction } from "../../runtime/catalog/index.ts";
import { resolveSettings } from "../../runtime/config.ts";
import { type Owner, temporaryDirectory } from "./function-directory.ts";
import { readAll } from "./gateway.ts";
import { processSandboxes } from "./process-sandbox.ts";

export interface TestDaemon extends Daemon {
  readonly adminSocket: string;
  readonly dataDir: string;
  admin(method: string, path: string, options?: AdminOptions): Promise<AdminAnswer>;
  /** As `admin`, with the body still to be read. */
  open(method: string, path: string, options?: AdminOptions): Promise<IncomingMessage>;
  deploy(directory: string): Promise<AdminAnswer>;
}

export interface AdminOptions {
  readonly headers?: RequestOptions["headers"];
  readonly body?: Readable | string;
}

export interface AdminAnswer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
  readonly json: unknown;
}

export async function openTestDaemon(
  t: Owner,
  flags: Readonly<Record<string, string>> = {},
  env: NodeJS.ProcessEnv = {},
): Promise<TestDaemon> {
  const dataDir = temporaryDirectory(t);
  const adminSocket = join(dataDir, "admin.sock");
  const settings = resolveSettings(
    { dataDir, adminSocket, listen: "127.0.0.1:0", durability: "none", graceMs: "10s", ...flags },
    {},
  );
  const sandboxes = await processSandboxes(join(dataDir, "layers"));
  t.teardown(() => sandboxes.close());
  const log = pino({ enabled: false });
  const daemon = await startDaemon({ settings, sandboxes, version: "0.0.0-test", wardenPid: process.ppid, log, env });
  t.teardown(async () => {
    daemon.stop();
    daemon.stop();
    await daemon.ended;
  });
  const open = (method: string, path: string, options?: AdminOptions) => ask(adminSocket, method, path, options);
  const admin = async (method: string, path: string, options?: AdminOptions) => read(await open(method, path, options));
  const deploy = async (directory: string) => {
    const source = await loadSource(directory);
    const body = packFunction(await bundleFunction(source), source.manifestText);
    const headers = { "content-type": "application/x-tar" };
    return await admin("PUT", `/v1/functions/${source.manifest.name}`, { headers, body });
  };
  return { ...daemon, adminSocket, dataDir, open, admin, deploy };
}

function ask(
  socketPath: string,
  method: string,
  path: string,
  { headers = {}, body }: AdminOptions = {},
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ socketPath, method, path, headers, agent: false });
    outgoing.once("response", resolve);
    outgoing.once("error", reject);
    if (body instanceof Readable) body.pipe(outgoing);
    else outgoing.end(body);
  });
}

async function read(response: IncomingMessage): Promise<AdminAnswer> {
  const text = (await readAll(response)).toString();
  const isJson = /[/+]json$/.test(response.headers["content-type"] ?? "");
  const json: unknown = isJson && text !== "" ? JSON.parse(text) : undefined;
  return { status: response.statusCode ?? 0, headers: response.headers, text, json };
}
