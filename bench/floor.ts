// The floors of floor.c from TypeScript: builds the program, keeps one of it running, and asks it for a round at a time,
// so that floors and what they are compared with take turns.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { makePlace } from "./place.ts";

export type FloorName = "L1" | "L2" | "L3" | "L5" | "L7";

/** What a floor copies of tsfn, so that both do the same work. */
export interface FloorModel {
  /** Memory that the zygote has for itself, in so many mappings. */
  readonly privateKib: number;
  readonly mappings: number;
  /** Pages of it that a clone had written to when it had answered. */
  readonly touchedPages: number;
  /** Directories, topmost first. */
  readonly layers: readonly string[];
  /** Mount points of the cgroup hierarchies. */
  readonly cgroups: readonly string[];
}

export interface FloorTime {
  readonly wallMs: number;
  /** Until what the round makes could be used; the rest takes it down. */
  readonly readyMs: number;
  readonly cpuMs: number;
}

export interface CloneMemory {
  readonly privateBytes: number;
  readonly pageTablesBytes: number;
}

export interface Floor {
  round(name: FloorName): Promise<FloorTime>;
  /** L8. */
  cloneMemory(): Promise<CloneMemory>;
  /** Makes the sandbox of L3 and leaves it standing while `look` looks at its process. */
  hold<Value>(look: (pid: number) => Value): Promise<Value>;
}

export function buildFloor(): string {
  execFileSync("make", ["--silent", "-C", import.meta.dirname, "build/floor"]);
  return join(import.meta.dirname, "build/floor");
}

/** It ends with `owner`. */
export function startFloor(owner: AsyncDisposableStack, model: FloorModel): Floor {
  const child = spawn(buildFloor(), [...argumentsFor(model), "--place", makePlace(owner)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ended = once(child, "exit");
  owner.defer(async () => {
    child.stdin.end();
    await ended;
  });
  const ask = async <Line>(text: string): Promise<Line> => {
    child.stdin.write(`${text}\n`);
    const { value, done } = await lines.next();
    if (done) throw new Error(`the floor ended instead of answering "${text}"`);
    return JSON.parse(value) as Line;
  };
  return {
    async round(name) {
      const { wallUs, readyUs, cpuUs } = await ask<{ wallUs: number; readyUs: number; cpuUs: number }>(name);
      return { wallMs: wallUs / 1_000, readyMs: readyUs / 1_000, cpuMs: cpuUs / 1_000 };
    },
    cloneMemory: () => ask("L8"),
    async hold(look) {
      const { pid } = await ask<{ pid: number }>("hold");
      try {
        return look(pid);
      } finally {
        child.stdin.write("\n");
      }
    },
  };
}

function argumentsFor({ privateKib, mappings, touchedPages, layers, cgroups }: FloorModel): string[] {
  return [
    ["--private-kib", privateKib],
    ["--mappings", mappings],
    ["--touched-pages", touchedPages],
    ...layers.map((layer) => ["--layer", layer]),
    ...cgroups.map((mount) => ["--cgroup", mount]),
  ]
    .flat()
    .map(String);
}
