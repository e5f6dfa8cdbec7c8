// A real server for a test: `tsfn server start --foreground` with a data directory, an admin socket and a port of its
// own. When the test is over the server is stopped and the leak audit must be clean.

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { Client } from "undici";
import { type CommandOptions, type CommandResult, runCommand, spawnCommand, tsfn } from "./command.ts";
import { type Owner, passableDirectory } from "./function-directory.ts";
import { createLeakAudit, type LeakAudit } from "./leak-audit.ts";
import { isAlive, readProcess } from "./processes.ts";
import { until } from "./until.ts";

export interface ServerInfo {
  readonly pid: number;
  readonly wardenPid: number;
  /** Of the process above the warden. */
  readonly guardianPid: number;
  readonly url: string;
}

export interface Server {
  readonly dataDir: string;
  /** Path of the admin socket. */
  readonly admin: string;
  readonly audit: LeakAudit;
  /** Of the public listener, without a slash at the end. Changes when the server is started again. */
  url(): string;
  info(): ServerInfo;
  /** Runs the command line against this server. */
  cli(args: readonly string[], options?: CommandOptions): Promise<CommandResult>;
  /** Deploys a directory. @throws Error with what the command printed, when it fails. */
  deploy(directory: string, ...flags: string[]): Promise<void>;
  /** GET of an admin route. */
  ask<Document>(route: string): Promise<Document>;
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Both at once means so: neither lives long enough to see the other's end. */
  kill9(...victims: readonly Victim[]): void;
  /** Resolves when the foreground command is gone, and with it every process of the server. */
  ended(): Promise<CommandResult>;
  /** Starts it again after `stop` or `kill9`, on the same data directory and another port. */
  start(): Promise<void>;
  /** SIGTERM to the foreground command. Resolves with its exit code and what it wrote to stderr. */
  stop(): Promise<CommandResult>;
}

const pidNames = { tsfnd: "pid", warden: "wardenPid", guardian: "guardianPid" } as const;
export type Victim = keyof typeof pidNames;

export interface ServerOptions {
  readonly flags?: readonly string[];
  /** Where the data directory is made: without links in its path, and passable to the server's user. */
  readonly base?: string;
  /** Starts the server in the command's place. */
  readonly launcher?: string;
  /** A network of its own, which the test made. */
  readonly network?: ServerNetwork;
}

export interface ServerNetwork {
  /** Runs a command in it. */
  readonly within: readonly string[];
  /** Whose namespaces they are. */
  readonly holderPid: number;
  /** As fetch, in it. */
  readonly fetch: typeof fetch;
}

export async function startServer(t: Owner, options: ServerOptions = {}): Promise<Server> {
  const base = options.base ?? passableDirectory(t);
  const dataDir = join(base, "data");
  const admin = join(base, "run/admin.sock");
  const audit = createLeakAudit(dataDir, options.network === undefined ? [] : [options.network.holderPid]);
  let running = await launch(dataDir, admin, options);

  const cli: Server["cli"] = (args, { env, ...rest } = {}) =>
    runCommand(args, { ...rest, env: { TSFN_SERVER: admin, ...env } });

  const stop = async (): Promise<CommandResult> => {
    if (isAlive(running.info.guardianPid)) audit.observe(running.info.guardianPid);
    running.child.kill("SIGTERM");
    return await running.ended;
  };
  t.teardown(async () => {
    await stop();
    audit.assertClean();
  });

  return {
    dataDir,
    admin,
    audit,
    url: () => running.info.url,
    info: () => running.info,
    cli,
    async deploy(directory, ...flags) {
      const { code, stdout, stderr } = await cli(["deploy", directory, ...flags]);
      if (code !== 0) throw new Error(`tsfn deploy ${directory} exited with ${code}\n${stdout}${stderr}`);
    },
    ask: (route) => askAdmin(admin, route),
    fetch: (path, init) => (options.network?.fetch ?? fetch)(`${running.info.url}${path}`, init),
    kill9(...victims) {
      audit.observe(running.info.guardianPid);
      if (victims.includes("guardian")) audit.leftToInit();
      const pids = victims.map((victim) => running.info[pidNames[victim]]);
      for (const signal of ["SIGSTOP", "SIGKILL"] as const) for (const pid of pids) process.kill(pid, signal);
    },
    ended: () => running.ended,
    async start() {
      await running.ended;
      running = await launch(dataDir, admin, options);
    },
    stop,
  };
}

interface Running {
  readonly child: ChildProcess;
  readonly info: ServerInfo;
  readonly ended: Promise<CommandResult>;
}

async function launch(
  dataDir: string,
  admin: string,
  { flags = [], launcher = tsfn, network }: ServerOptions,
): Promise<Running> {
  const own = ["--foreground", "--listen", "127.0.0.1:0", "--data-dir", dataDir, "--admin", admin];
  const child = spawnCommand(["server", "start", ...own, ...flags], { launcher, within: network?.within ?? [] });
  const written = { stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (piece: string) => {
    written.stdout += piece;
  });
  child.stderr?.setEncoding("utf8").on("data", (piece: string) => {
    written.stderr += piece;
  });
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, ...written }));
  const info = await until("the server is ready", async () => {
    if (child.exitCode !== null) throw new Error(`the server exited with ${child.exitCode}`);
    return await askAdmin<Omit<ServerInfo, "guardianPid">>(admin, "/v1/info").catch((error: NodeJS.ErrnoException) => {
      if (["ENOENT", "ECONNREFUSED", "ECONNRESET", "UND_ERR_SOCKET"].includes(error.code ?? "")) return undefined;
      throw error;
    });
  }).catch(async (cause: unknown) => {
    child.kill("SIGTERM");
    const { stdout, stderr } = await ended;
    throw new Error(`the server did not get ready: ${cause}\n${stdout}${stderr}`, { cause });
  });
  const guardianPid = readProcess(info.wardenPid)?.parent ?? 0;
  return { child, info: { ...info, guardianPid, url: info.url.replace(/\/$/, "") }, ended };
}

async function askAdmin<Document>(socketPath: string, path: string): Promise<Document> {
  const client = new Client("http://localhost", { socketPath });
  try {
    const { statusCode, body } = await client.request({ method: "GET", path });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`GET ${path} answered ${statusCode} ${text}`);
    return JSON.parse(text) as Document;
  } finally {
    await client.close();
  }
}
