// What tsfn doctor looks at: the process and the installation here, the kernel through the warden's own probe, which
// tries every feature for real. Each thing that is not well comes with its remedy from remedies.ts.

import { execFile } from "node:child_process";
import { accessSync, constants, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { totalmem } from "node:os";
import { promisify } from "node:util";
import type { Settings } from "../../../runtime/config.ts";
import { asTsfnError, isErrno } from "../../../runtime/errors.ts";
import { findInstallation } from "../server/index.ts";
import { remedyOf } from "./remedies.ts";

/** degraded: tsfn works, less well or less tightly. unknown: it could not be tried. */
export type Health = "ok" | "degraded" | "missing" | "unknown";

export interface Finding {
  readonly name: string;
  readonly health: Health;
  readonly detail: string;
  /** null when it is well. */
  readonly remedy: string | null;
}

/** In the order in which they should be mended. */
export async function runChecks(settings: Settings): Promise<Finding[]> {
  const found = [
    checkRoot(),
    checkNode(),
    checkBuild(),
    await checkListen(settings),
    checkDataDir(settings.dataDir),
    checkMemory(),
    ...(await probeKernel()),
  ];
  return found.map((finding) => ({
    ...finding,
    remedy: finding.health === "ok" ? null : remedyOf(finding.name),
  }));
}

/** Nothing that is needed is missing. */
export function isHealthy(findings: readonly Finding[]): boolean {
  return findings.every(({ health }) => health === "ok" || health === "degraded");
}

type Unremedied = Omit<Finding, "remedy">;

function checkRoot(): Unremedied {
  const uid = process.geteuid?.();
  return { name: "root", health: uid === 0 ? "ok" : "missing", detail: `uid ${uid}` };
}

function checkNode(): Unremedied {
  const [major] = process.versions.node.split(".");
  return { name: "node", health: Number(major) >= 26 ? "ok" : "missing", detail: process.version };
}

function checkBuild(): Unremedied {
  try {
    return { name: "build", health: "ok", detail: findInstallation().wardenPath };
  } catch (thrown) {
    return { name: "build", health: "missing", detail: asTsfnError(thrown).message };
  }
}

/** In use is what a running server looks like, so it is only worth a word. */
async function checkListen({ listen: { host, port } }: Settings): Promise<Unremedied> {
  const { promise, resolve } = Promise.withResolvers<Unremedied>();
  const probe = createServer();
  const name = "listen";
  probe.once("error", (error) => {
    const health = isErrno(error, "EADDRINUSE") ? "degraded" : "missing";
    resolve({ name, health, detail: `${host}:${port}: ${error.message}` });
  });
  probe.listen({ host, port }, () => probe.close(() => resolve({ name, health: "ok", detail: `${host}:${port}` })));
  return await promise;
}

function checkDataDir(path: string): Unremedied {
  const name = "data-dir";
  try {
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    return { name, health: "ok", detail: path };
  } catch (thrown) {
    if (isErrno(thrown, "ENOENT")) return { name, health: "ok", detail: `${path} (made at the first start)` };
    return { name, health: "missing", detail: (thrown as Error).message };
  }
}

function checkMemory(): Unremedied {
  const available = Number(/^MemAvailable:\s+(\d+) kB/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1] ?? 0) * 1024;
  const mib = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MiB`;
  const detail = `${mib(available)} available of ${mib(totalmem())}`;
  return { name: "memory", health: available >= 512 * 2 ** 20 ? "ok" : "degraded", detail };
}

async function probeKernel(): Promise<Unremedied[]> {
  const unknown = (detail: string): Unremedied[] => [{ name: "kernel-probe", health: "unknown", detail }];
  if (process.geteuid?.() !== 0) return unknown("only root can try the kernel's features");
  let wardenPath: string;
  try {
    ({ wardenPath } = findInstallation());
  } catch {
    return unknown("the warden, which tries the kernel's features, is not built");
  }
  // It exits with 1 when something is missing; the table is on stdout all the same.
  const { stdout, stderr } = await promisify(execFile)(wardenPath, ["--probe"]).catch(
    (failed: { stdout?: string; stderr?: string; message: string }) => ({
      stdout: failed.stdout ?? "",
      stderr: failed.stderr || failed.message,
    }),
  );
  const findings = stdout.split("\n").flatMap((line) => parseFeature(line) ?? []);
  return findings.length > 0 ? findings : unknown(`warden --probe failed: ${stderr.trim()}`);
}

/** `name TAB ok|missing|degraded TAB detail` */
function parseFeature(line: string): Unremedied | null {
  const [name, health, detail = ""] = line.split("\t");
  if (name === undefined || (health !== "ok" && health !== "missing" && health !== "degraded")) return null;
  return { name, health, detail };
}
