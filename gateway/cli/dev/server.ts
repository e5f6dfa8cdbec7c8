// The server of `tsfn dev`: in a temporary directory that is removed with it, ending with this process whatever
// happens to it.

import { once } from "node:events";
import { chmod, mkdtemp, open, readFile, realpath, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import type { Address, Settings } from "../../../runtime/config.ts";
import { isErrno, TsfnError } from "../../../runtime/errors.ts";
import type { ServerInfo } from "../answers.ts";
import type { Client } from "../client.ts";
import { type Installation, launchServer, prepareDirectories, sweepLeftovers } from "../server/index.ts";
import { takeDirectory } from "./owner.ts";

const prefix = "tsfn-dev-";
/** As mkdtemp(3) makes them. */
export const directoryName = new RegExp(`^${prefix}[A-Za-z0-9]{6}$`);

/** SIGKILL: of the warden, which then has removed nothing; or of tsfnd, and then there is nothing to remove. */
const killedStatus = 128 + constants.signals.SIGKILL;
/** The level of `error` in pino's records; `fatal` is above. */
const pinoError = 50;

export interface DevServer {
  readonly client: Client;
  /** Resolves when it answers. @throws TsfnError */
  readonly ready: Promise<ServerInfo>;
  /** Rejects when the server ends unasked. Never resolves. */
  readonly lost: Promise<never>;
  /** Ends it at once, what is in flight is lost; `close` then need not wait. */
  end(): void;
  /** Ends it and removes its directory; resolves when nothing is left. */
  close(): Promise<void>;
}

/** Checked before anything is made, so that the usual mistake costs nothing. @throws TsfnError LISTEN_FAILED */
export async function requireFreePort({ host, port }: Address): Promise<void> {
  const probe = createServer();
  try {
    probe.listen({ host, port, exclusive: true });
    await once(probe, "listening");
  } catch (cause) {
    const ofPort = isErrno(cause, "EADDRINUSE") || isErrno(cause, "EACCES");
    const hint = ofPort ? "Choose another with --port" : "Choose an address of this machine with --host";
    throw new TsfnError("LISTEN_FAILED", `${host}:${port}: ${whyNot(cause as Error)}`, { hint, cause });
  }
  probe.close();
  await once(probe, "close");
}

function whyNot(cause: Error): string {
  if (isErrno(cause, "EADDRINUSE")) return "something else listens there";
  return isErrno(cause, "EADDRNOTAVAIL") ? "this machine has no such address" : cause.message;
}

export async function openDevServer(wanted: Settings, installation: Installation): Promise<DevServer> {
  const directory = await mkdtemp(join(await temporaryPlace(), prefix));
  try {
    await takeDirectory(directory);
    // tsfnd passes through, others see nothing.
    await chmod(directory, 0o711);
    return await launch(directory, serverSettings(wanted, directory), installation);
  } catch (thrown) {
    await rm(directory, { recursive: true, force: true });
    throw thrown;
  }
}

export async function temporaryPlace(): Promise<string> {
  return await realpath(tmpdir());
}

export function serverSettings(wanted: Settings, directory: string): Settings {
  return { ...wanted, dataDir: join(directory, "data"), adminSocket: join(directory, "run/admin.sock") };
}

async function launch(directory: string, settings: Settings, installation: Installation): Promise<DevServer> {
  const prepared = await prepareDirectories(settings);
  const errorPath = join(directory, "server.err");
  const logPath = join(directory, "server.log");
  await using log = await open(logPath, "a", 0o600);
  await using errors = await open(errorPath, "a", 0o600);
  const server = launchServer({
    prepared,
    installation,
    stdio: ["ignore", log.fd, errors.fd],
    dieWithParent: true,
    readComplaint: () => readFile(errorPath, "utf8"),
  });
  let closing = false;
  const lost = server.ready.then(async () => {
    const status = await server.ended;
    if (closing) return await new Promise<never>(() => {});
    const told = (await readFile(errorPath, "utf8")).trim() || ((await lastError(logPath)) ?? "it said nothing");
    throw new TsfnError("WARDEN_LOST", `the server ended with status ${status}: ${told}`, { hint: "Run it again" });
  });
  return {
    client: server.client,
    ready: server.ready,
    lost,
    end: server.endAtOnce,
    async close() {
      closing = true;
      server.child.kill("SIGTERM");
      const patience = setTimeout(server.endAtOnce, settings.graceMs + 3_000);
      const status = await server.ended;
      clearTimeout(patience);
      if (status === killedStatus) await sweepLeftovers(prepared, installation);
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The directory goes away with the server: what it logged as an error last is all that can be told. */
async function lastError(path: string): Promise<string | undefined> {
  const lines = (await readFile(path, "utf8")).split("\n").filter((line) => line.startsWith("{"));
  const records = lines.map((line) => JSON.parse(line) as { level: number; msg: string; err?: { stack?: string } });
  const worst = records.findLast(({ level }) => level >= pinoError);
  return worst && [worst.msg, worst.err?.stack].filter(Boolean).join(": ");
}
