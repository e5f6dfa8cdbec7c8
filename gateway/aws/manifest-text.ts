// Texts of tsfn.json for functions that come through Lambda's API, which says the same things in other units.

import type { Manifest } from "../../runtime/catalog/index.ts";

export interface LambdaSettings {
  readonly name: string;
  readonly runtime: Manifest["runtime"];
  readonly env: Readonly<Record<string, string>>;
  readonly memoryMb: number;
  readonly timeoutS: number;
  /** null: tsfn's own default, which is smaller than Lambda's. */
  readonly diskMb: number | null;
}

export function manifestText({ name, runtime, env, memoryMb, timeoutS, diskMb }: LambdaSettings): string {
  const disk = diskMb === null ? {} : { disk: `${diskMb}mb` };
  const limits = { memory: `${memoryMb}mb`, timeout: `${timeoutS}s`, ...disk };
  const handler = runtime === "provided" ? "auto" : "lambda";
  return JSON.stringify({ name, runtime, handler, env, limits });
}

/** What a live version was deployed with, for the next one. */
export function manifestTextFrom(manifest: Manifest): string {
  const { limits, scaling, routes, ...others } = manifest;
  const { memoryBytes, cpus, timeoutMs, diskBytes, pids, bodyBytes } = limits;
  const { min, max, idleTimeoutMs } = scaling;
  return JSON.stringify({
    ...others,
    routes: routes.map(({ host, path }) => ({ ...(host !== null && { host }), path })),
    limits: {
      memory: `${memoryBytes}b`,
      cpus,
      timeout: `${timeoutMs}ms`,
      disk: `${diskBytes}b`,
      pids,
      body: `${bodyBytes}b`,
    },
    scaling: { min, max, idleTimeout: `${idleTimeoutMs}ms` },
  });
}
