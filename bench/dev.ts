// A real `tsfn dev` for a scenario, with what it tells about its deployments. It ends with the owner, as by Ctrl-C, and must
// leave nothing behind.

import { once } from "node:events";
import { chmodSync, readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { spawnCommand } from "../test/support/command.ts";
import { makePlace } from "./place.ts";

/** As `tsfn dev --json` tells it; only what is measured. */
export interface Deployment {
  readonly url: string;
  readonly storeMs: number;
  readonly warmMs: number;
  /** Since the change was seen. */
  readonly tookMs: number;
}

export interface Dev {
  readonly port: number;
  /** The one after those that have been told already. */
  nextDeployment(): Promise<Deployment>;
  /** Rejects when it ends unasked. */
  readonly ended: Promise<never>;
}

interface Event {
  readonly event?: string;
  readonly detail?: string;
}

export async function startDev(owner: AsyncDisposableStack, directory: string): Promise<Dev> {
  const temporary = makePlace(owner);
  // Its server has a user of its own.
  chmodSync(temporary, 0o711);
  const child = spawnCommand(["dev", directory, "--port", "0", "--json"], { env: { TMPDIR: temporary } });
  const exited = once(child, "exit") as Promise<[code: number | null, signal: string | null]>;
  let [complaint, asked] = ["", false];
  child.stderr?.setEncoding("utf8").on("data", (piece: string) => {
    complaint += piece;
  });
  owner.defer(async () => {
    asked = true;
    if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid ?? 0), "SIGINT");
    const [code] = await exited;
    const left = readdirSync(temporary);
    if (code !== 130 || left.length > 0) {
      throw new Error(`tsfn dev exited with ${code} and left ${left.length} files; wanted 130 and none\n${complaint}`);
    }
  });
  const ended = exited.then(([code, signal]) => {
    if (asked) return new Promise<never>(() => undefined);
    throw new Error(`tsfn dev ended by itself with ${signal ?? code}\n${complaint}`);
  });
  // Told by whoever waits for it.
  ended.catch(() => undefined);

  let told = Promise.withResolvers<Deployment>();
  if (child.stdout === null) throw new Error("tsfn dev has no stdout to read");
  createInterface({ input: child.stdout }).on("line", (line) => {
    const document = JSON.parse(line) as Event;
    if (document.event === "failed") told.reject(new Error(`tsfn dev did not deploy: ${document.detail}`));
    if (document.event !== "deployed") return;
    told.resolve(document as Event & Deployment);
    told = Promise.withResolvers();
  });
  const nextDeployment = () => Promise.race([told.promise, ended]);
  const { url } = await nextDeployment();
  return { port: Number(new URL(url).port), nextDeployment, ended };
}
