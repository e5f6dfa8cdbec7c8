// The steps of a rollback: an older version proves again that it starts, and is made the live one. Until the last but one
// succeeds the version that was live stays live.

import type { FunctionVersion } from "./catalog/index.ts";
import type { DeployParts } from "./deploy.ts";
import { TsfnError } from "./errors.ts";
import type { RollbackResult } from "./surface.ts";
import { endSpan, now } from "./trace.ts";

/** @param wanted the version's number; null: the newest one before the live one. @throws TsfnError VERSION_NOT_FOUND */
export async function rollBack(
  { catalog, pools, forker, uses, assertOpen }: DeployParts,
  live: FunctionVersion,
  wanted: number | null,
): Promise<RollbackResult> {
  const target = targetOf(catalog.versions(live.function), live, wanted);
  const { function: name, number } = target;
  const outcome = { name, version: number, previous: live.number };
  if (number === live.number) return { ...outcome, unchanged: true, warmMs: 0, prefork: forker.describe(target) };
  catalog.checkRoutes(target);
  using _claim = uses.claim(name, target.manifest.secrets);
  const candidate = pools.candidate(target);
  const startedAtMs = now();
  try {
    await candidate.warm();
    const warmMs = endSpan("deploy.warm", name, startedAtMs);
    assertOpen();
    await catalog.activate(target);
    void pools.swap(candidate);
    return { ...outcome, unchanged: false, warmMs, prefork: forker.describe(target) };
  } catch (error) {
    await candidate.kill(new TsfnError("STARTUP_FAILED", `${name}@${number} was not made the live version`));
    pools.abandon(target);
    throw error;
  }
}

function targetOf(versions: readonly FunctionVersion[], live: FunctionVersion, wanted: number | null): FunctionVersion {
  const { function: name, number } = live;
  const found =
    wanted === null
      ? versions.filter((version) => version.number < number).at(-1)
      : versions.find((version) => version.number === wanted);
  if (found !== undefined) return found;
  const known = versions.map((version) => version.number).join(", ");
  const message =
    wanted === null
      ? `${name}@${number} is the oldest version of its function`
      : `${name} has no version ${wanted}; it has ${known}`;
  const hint = `See them with: tsfn versions ${name}`;
  throw new TsfnError("VERSION_NOT_FOUND", message, { function: name, hint });
}
