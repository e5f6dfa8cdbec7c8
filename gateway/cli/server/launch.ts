// Starts the warden, which starts tsfnd, and waits until the server answers or has given up. Whoever launches a server
// decides what its streams are; background.ts, foreground.ts and dev/ differ in little else.

import { type ChildProcess, type StdioOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Settings } from "../../../runtime/config.ts";
import { catalogue, type ErrorCode, isErrno, TsfnError } from "../../../runtime/errors.ts";
import type { ServerInfo } from "../answers.ts";
import { type Client, openClient } from "../client.ts";
import { parseErrorBlock } from "../report-error.ts";
import { type Installation, insideProgram } from "./installation.ts";
import type { Prepared } from "./prepare.ts";
import { processEnd } from "./stop.ts";

export interface LaunchOptions {
  readonly prepared: Prepared;
  readonly installation: Installation;
  readonly stdio: StdioOptions;
  /** The server ends when this process does, however that happens. */
  readonly dieWithParent: boolean;
  /** What the server wrote to stderr, read when it ended before it was ready. */
  readonly readComplaint: () => Promise<string>;
}

export interface RunningServer {
  /** The guardian, which the warden lives below. */
  readonly child: ChildProcess;
  readonly client: Client;
  /** Resolves when no process of it is left, with the warden's exit status; 128 + n for a signal. Never rejects. */
  readonly ended: Promise<number>;
  /** Resolves when the server answers. @throws TsfnError what the server said when it gave up */
  readonly ready: Promise<ServerInfo>;
  /** Ends it without an answer to what is in flight; `ended` tells when nothing of it is left. */
  endAtOnce(): void;
}

/** @throws TsfnError SERVER_RUNNING when a server answers on the socket. */
export async function requireFreeSocket(adminSocket: string): Promise<void> {
  const info = await askInfo(openClient(adminSocket));
  if (info === null) return;
  throw new TsfnError("SERVER_RUNNING", `${adminSocket} is answered by pid ${info.pid}, which serves ${info.url}`, {
    hint: `Stop it with: tsfn server stop --server ${adminSocket}`,
  });
}

export function launchServer({ prepared, installation, ...options }: LaunchOptions): RunningServer {
  const own = options.dieWithParent ? ["--die-with-parent"] : [];
  const daemon = daemonArguments(prepared, installation);
  const child = spawn(installation.wardenPath, [...wardenArguments(prepared, installation), ...own, "--", ...daemon], {
    cwd: "/",
    // A session of its own: a terminal's Ctrl-C reaches only us, and we end the server in order.
    detached: true,
    env: daemonEnvironment(process.env, prepared.settings),
    stdio: options.stdio,
  });
  const { promise: gone, resolve } = Promise.withResolvers<number>();
  let failure: Error | undefined;
  child.once("exit", (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  child.once("error", (error) => {
    failure = error;
    resolve(1);
  });
  const client = openClient(prepared.settings.adminSocket);
  let info: ServerInfo | undefined;
  const ended = gone.then(async (status) => {
    // The guardian goes last, unless it was killed; then the others are about to end.
    if (child.signalCode !== null && info !== undefined)
      await Promise.all([processEnd(info.wardenPid), processEnd(info.pid)]);
    return status;
  });
  const ready = waitUntilReady(client, ended).then(async (outcome) => {
    if (typeof outcome === "number") throw complaint(failure?.message ?? (await options.readComplaint()), outcome);
    info = outcome;
    return info;
  });
  return { child, client, ended, ready, endAtOnce: () => killDaemon(child, info) };
}

/** Without tsfnd the warden removes every sandbox and ends; killing the warden itself would leave them behind. */
function killDaemon(child: ChildProcess, info: ServerInfo | undefined): void {
  if (info === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(info.pid, "SIGKILL");
  } catch (thrown) {
    // It ended by itself; the warden is about to.
    if (!isErrno(thrown, "ESRCH")) throw thrown;
  }
}

/**
 * Removes what a killed warden left, where no server will be started again: a warden does that before anything else,
 * so one is started for a daemon that ends at once. Resolves when it is done: 0, unless it failed
 * or a living one has the lock.
 */
export async function sweepLeftovers(prepared: Prepared, installation: Installation): Promise<number | null> {
  const node = insideProgram(installation.nodePath, installation, prepared.settings.dataDir);
  const args = [...wardenArguments(prepared, installation), "--", node, "--eval", "0"];
  const [status] = await once(spawn(installation.wardenPath, args, { cwd: "/", stdio: "ignore" }), "exit");
  return status as number | null;
}

function daemonArguments({ settings }: Prepared, installation: Installation): string[] {
  const inside = (path: string): string => insideProgram(path, installation, settings.dataDir);
  return [inside(installation.nodePath), inside(installation.daemonPath), "--settings", JSON.stringify(settings)];
}

function wardenArguments({ id, uid, gid, runDir, settings }: Prepared, { programDir }: Installation): string[] {
  return [
    ...["--id", id, "--data-dir", settings.dataDir, "--run-dir", runDir],
    ...["--user", String(uid), "--group", String(gid), "--program", programDir],
  ];
}

/** Nothing of the starter's environment reaches the daemon but what concerns every process of a machine. */
function daemonEnvironment(env: NodeJS.ProcessEnv, { dataDir, durability }: Settings): NodeJS.ProcessEnv {
  const isKept = (name: string) => name === "LANG" || name === "TZ" || name.startsWith("OTEL_");
  const kept = Object.entries(env).filter(([name]) => isKept(name));
  return {
    PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    // Halves the daemon's start after its first one, where there is a second; only the daemon can write there.
    ...(durability === "sync" && { NODE_COMPILE_CACHE: join(dataDir, "state/compile-cache") }),
    ...Object.fromEntries(kept),
  };
}

/** The server's own account of itself, or the exit status of one that ended. */
async function waitUntilReady(client: Client, ended: Promise<number>): Promise<ServerInfo | number> {
  const gone = ended.then((status) => ({ status }));
  for (;;) {
    const info = await Promise.race([askInfo(client), gone]);
    if (info !== null) return "status" in info ? info.status : info;
    const early = await Promise.race([sleep(5), gone]);
    if (early !== undefined) return early.status;
  }
}

/** null while nobody answers, or answers that it is not ready. */
async function askInfo(client: Client): Promise<ServerInfo | null> {
  try {
    (await client.stream({ method: "GET", path: "/readyz" })).resume();
    return await client.json<ServerInfo>({ method: "GET", path: "/v1/info" });
  } catch (thrown) {
    if (!(thrown instanceof TsfnError)) throw thrown;
    if (thrown.code === "SERVER_UNREACHABLE" || thrown.status === 503) return null;
    throw thrown;
  }
}

/** tsfnd prints an error block, the warden one line; both end with an exit status of the catalogue. */
function complaint(text: string, status: number): TsfnError {
  const told = parseErrorBlock(text);
  if (told !== null) return told;
  const codes = new Map<number, ErrorCode>([
    [4, "NOT_ALLOWED"],
    [6, "DATA_DIR_IN_USE"],
  ]);
  const code = codes.get(status) ?? "SERVER_FAILED";
  const line = text.trim().split("\n").slice(-20).join("\n") || `it ended with status ${status} and said nothing`;
  return new TsfnError(code, line, { hint: catalogue[code].hint });
}
