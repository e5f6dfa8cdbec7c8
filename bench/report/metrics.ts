// The scoreboard's metrics: what each number stands for, and how the claims of a result answer it.

import { type Claim, isMet } from "../report.ts";
import type { Result } from "./result.ts";

export const metrics: ReadonlyMap<string, string> = new Map([
  ["M1", "cold start, forked from the version's zygote"],
  ["M1b", "cold start, forked from the runtime's zygote"],
  ["M2", "cold start against containers and virtual machines"],
  ["M3", "burst from no instance to hundreds"],
  ["M4", "create, one call, destroy, sustained"],
  ["M5", "latency of a warm call"],
  ["M6", "throughput of warm calls"],
  ["M7", "memory of an idle instance"],
  ["M8", "instances in a budget of memory"],
  ["M9", "from deploy, or a save, to the first answer"],
  ["M10", "a fresh writable layer"],
  ["M11", "what a sandbox costs the code inside"],
  ["M12", "flat over instances and functions"],
  ["M13", "latency beside another function's burst"],
  ["M14", "forks that crash or hang"],
]);

export interface Scored {
  readonly metric: string;
  readonly about: string;
  /** None: nothing of it was measured. */
  readonly claims: readonly Claim[];
}

export function scoreboard({ scenarios }: Pick<Result, "scenarios">): Scored[] {
  const claims = scenarios.flatMap(({ report }) => report?.claims ?? []);
  return [...metrics].map(([metric, about]) => ({
    metric,
    about,
    claims: claims.filter(({ text }) => text.startsWith(`${metric} `)),
  }));
}

/** Targets of all claims, also of those that belong to no metric of the scoreboard. */
export function missed({ scenarios }: Pick<Result, "scenarios">): Claim[] {
  return scenarios.flatMap(({ report }) => report?.claims ?? []).filter((claim) => !isMet(claim));
}
