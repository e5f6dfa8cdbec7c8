// A deployed function as OpenFaaS describes one (FunctionStatus of its API).

import { TsfnError } from "../../runtime/errors.ts";
import type { Runtime } from "../../runtime/index.ts";

/** OpenFaaS's default; tsfn has no namespaces of functions. */
export const namespace = "openfaas-fn";

/** @throws TsfnError FUNCTION_NOT_FOUND */
export function statusOf(runtime: Pick<Runtime, "list" | "current">, name: string): Readonly<Record<string, unknown>> {
  const summary = runtime.list().find((each) => each.function === name);
  const version = runtime.current(name);
  if (summary === undefined || version === undefined) {
    throw new TsfnError("FUNCTION_NOT_FOUND", `no function is deployed as "${name.slice(0, 63)}"`);
  }
  const { memoryBytes, cpus } = version.manifest.limits;
  const ready = summary.idle + summary.busy;
  return {
    name,
    namespace,
    // There is no image; what is shown names the version.
    image: `${name}:${version.number}`,
    envVars: version.manifest.env,
    labels: { "com.openfaas.scale.min": String(version.manifest.scaling.min) },
    annotations: { "tsfn.version": String(version.number), "tsfn.layer": version.layer },
    limits: { memory: `${Math.floor(memoryBytes / 2 ** 20)}Mi`, cpu: `${Math.round(cpus * 1_000)}m` },
    readOnlyRootFilesystem: false,
    // Scaled to zero is ready here: its next call starts an instance. Clients wait for a replica before they call.
    replicas: Math.max(1, ready + summary.starting),
    availableReplicas: Math.max(1, ready),
    createdAt: version.createdAt,
  };
}
