// tsfnd, the daemon: the process that the warden starts as an ordinary user, with the control stream and the lane as
// descriptors 3 and 4. Here are its arguments, signals, log and exit status; its life is in daemon.ts.

import { readFileSync } from "node:fs";
import { pino } from "pino";
import { openEgress } from "../runtime/egress/index.ts";
import { asTsfnError, catalogue, TsfnError } from "../runtime/errors.ts";
import { openFilesLimit } from "../runtime/pool/index.ts";
import { linuxSandboxes } from "../runtime/sandbox/index.ts";
import { connectWarden, endWithin, type WardenClient } from "../runtime/warden/index.ts";
import { errorBlock } from "./cli/index.ts";
import { type Daemon, startDaemon } from "./daemon.ts";
import { daemonSettings } from "./daemon-settings.ts";

const exitTimeoutS = 3;

const output = pino.destination({ dest: 1, sync: false });
// Whoever read the log is gone, or its disk is full; that is no reason to stop serving, and there is nowhere left to say so.
let isLogLost = false;
output.on("error", () => {
  isLogLost = true;
});
output.on("write", () => {
  isLogLost = false;
});
const log = pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, output);

process.on("uncaughtException", (error) => {
  log.fatal({ err: error }, "uncaught exception");
  exit(1);
});

const daemon = await start();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => daemon.stop());
exit(await daemon.ended);

async function start(): Promise<Daemon> {
  try {
    const settings = daemonSettings(process.argv.slice(2), process.env);
    const warden = connect();
    const daemon = await startDaemon({
      settings,
      sandboxes: linuxSandboxes(warden, openEgress({ openFiles: await openFilesLimit(), fault: reportFault })),
      version: packageVersion(),
      wardenPid: process.ppid,
      log,
      env: process.env,
    });
    void warden.lost.then(() => daemon.wardenLost());
    return daemon;
  } catch (thrown) {
    const error = asTsfnError(thrown);
    if (error.code === "INTERNAL") log.fatal({ err: error.cause ?? error }, "the start failed");
    process.stderr.write(`${errorBlock(error).join("\n")}\n`);
    return exit(catalogue[error.code].exitCode);
  }
}

function reportFault(error: Error): void {
  log.error({ err: error }, "fault");
}

function connect(): WardenClient {
  try {
    return connectWarden();
  } catch (cause) {
    const message = "Descriptors 3 and 4 are not the warden's sockets: tsfnd is started by the warden, not by hand";
    throw new TsfnError("WARDEN_LOST", message, { cause });
  }
}

function packageVersion(): string {
  const text = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

function exit(status: number): never {
  // Worker threads end with the process, which waits for them: for no longer than this, whatever they are in the middle of.
  endWithin(exitTimeoutS);
  // It tries for ever.
  if (!isLogLost) output.flushSync();
  process.exit(status);
}
