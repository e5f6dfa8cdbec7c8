// The server under measurement, with its meters: deploys variants of the examples, waits until nothing of one runs any
// more and everything behind the scenes is quiet, and calls it cold.

import { chmodSync, cpSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Manifest } from "../runtime/catalog/index.ts";
import type { FunctionDescription, InstanceDescription } from "../runtime/index.ts";
import { example } from "../test/support/function-directory.ts";
import { processesOf } from "../test/support/kinds.ts";
import { type Server, startServer } from "../test/support/server.ts";
import { until } from "../test/support/until.ts";
import { createCpuMeter, readSandboxesUs } from "./cpu-meter.ts";
import { getFirstByte, isCold, requireStatus } from "./first-byte.ts";
import type { FloorModel } from "./floor.ts";
import { footprintOf } from "./footprint.ts";
import { makePlace } from "./place.ts";

export interface Tsfn {
  readonly server: Server;
  readonly port: () => number;
  /** CPU time of warden, tsfnd and every sandbox so far. */
  readCpuUs(): number;
  /** Deploys functions/<from> as `name`, with these keys of its manifest replaced. */
  deploy(from: string, name: string, keys: Readonly<Record<string, unknown>>): Promise<void>;
  instances(name: string): Promise<readonly InstanceDescription[]>;
  /** Resolves when `name` has no instance and the server has nothing to do. */
  settle(name: string): Promise<void>;
  /** Calls it and checks that no instance was there. */
  callCold(name: string): Promise<ColdCall>;
}

export interface ColdCall {
  readonly wallMs: number;
  /** Until the first byte of the answer. */
  readonly cpuMs: number;
  /** Milliseconds of each stage, as `Server-Timing` tells them. */
  readonly stages: ReadonlyMap<string, number>;
}

/** So short that an instance is gone as soon as it has answered. */
export const goneAtOnce = { scaling: { idleTimeout: "10ms" } };

export async function startTsfn(owner: AsyncDisposableStack, flags: readonly string[] = []): Promise<Tsfn> {
  const meter = createCpuMeter("server");
  owner.defer(() => meter.remove());
  const started = new AsyncDisposableStack();
  const base = placeFor(owner);
  const starting = meter.within(() =>
    startServer({ teardown: (undo) => started.defer(async () => void (await undo())) }, { flags, base }),
  );
  // Also when the owner ends while it still starts.
  owner.defer(async () => {
    await Promise.allSettled([starting]);
    await started.disposeAsync();
  });
  const server = await starting;
  const port = () => Number(new URL(server.url()).port);
  const readCpuUs = () => meter.read() + readSandboxesUs(server.dataDir);
  const instances = async (name: string) =>
    (await server.ask<{ instances: readonly InstanceDescription[] }>("/v1/instances")).instances.filter(
      (instance) => instance.function === name,
    );
  return {
    server,
    port,
    readCpuUs,
    deploy: (from, name, keys) => deployVariant(owner, server, from, name, keys),
    instances,
    async settle(name) {
      await until(`${name} has no instance`, async () => (await instances(name)).length === 0);
      await untilQuiet(readCpuUs);
    },
    async callCold(name) {
      const before = readCpuUs();
      let after = before;
      const answer = await getFirstByte(port(), `/function/${name}`, () => {
        after = readCpuUs();
      });
      requireStatus(answer);
      if (!isCold(answer)) throw new Error(`a call of ${name} that should have been cold was not:\n${answer.head}`);
      return {
        wallMs: answer.firstByteAtMs - answer.sentAtMs,
        cpuMs: (after - before) / 1_000,
        stages: stagesOf(answer.head),
      };
    },
  };
}

/** The server's own user passes through it. */
function placeFor(owner: AsyncDisposableStack): string {
  const place = makePlace(owner);
  chmodSync(place, 0o711);
  return place;
}

/** Sandboxes are made ahead and taken down in the background; a figure must not pay for its neighbour's. */
export async function untilQuiet(readCpuUs: () => number): Promise<void> {
  const windowMs = 25;
  const quietUs = 500;
  for (let quiet = 0, before = readCpuUs(); quiet < 2; ) {
    await pause(windowMs);
    const now = readCpuUs();
    quiet = now - before < quietUs ? quiet + 1 : 0;
    before = now;
  }
}

/** A floor that does the same work as the start of `name`: its layers, its cgroups, a zygote as large as its. */
export async function modelOf(tsfn: Pick<Tsfn, "server">, name: string): Promise<FloorModel> {
  await (await tsfn.server.fetch(`/function/${name}`)).text();
  const { layers, instanceList } = await tsfn.server.ask<FunctionDescription>(`/v1/functions/${name}`);
  const sandbox = instanceList.find((instance) => instance.sandbox?.pid != null)?.sandbox;
  const pid = sandbox?.pid ?? null;
  if (sandbox == null || pid === null) throw new Error(`${name} has no instance to model a floor on`);
  const instance = footprintOf(pid);
  const zygote = zygotesOf(tsfn).map(footprintOf);
  const origin = zygote.reduce((least, next) => (next.anonymousKib > least.anonymousKib ? next : least), instance);
  return {
    privateKib: origin.anonymousKib,
    mappings: origin.mappings,
    touchedPages: zygote.length > 0 ? Math.round(instance.privateKib / 4) : 0,
    layers: layers.map((digest) => join(tsfn.server.dataDir, "layers", digest)),
    // A clone stays out of a hierarchy that controls nothing.
    cgroups: sandbox.cgroups.filter((path) => membersOf(path).includes(pid)).map((path) => dirname(dirname(path))),
  };
}

/** Directories of the layers below the function's own, topmost first. */
export async function baseLayersOf({ server }: Pick<Tsfn, "server">, name: string): Promise<string[]> {
  const { layers } = await server.ask<FunctionDescription>(`/v1/functions/${name}`);
  return layers.slice(1).map((digest) => join(server.dataDir, "layers", digest));
}

function membersOf(cgroup: string): number[] {
  return readFileSync(join(cgroup, "cgroup.procs"), "utf8").split("\n").map(Number);
}

export function zygotesOf({ server }: Pick<Tsfn, "server">): number[] {
  return processesOf("zygote", server.info()).map(({ pid }) => pid);
}

async function deployVariant(
  owner: AsyncDisposableStack,
  server: Server,
  from: string,
  name: string,
  keys: Readonly<Partial<Record<keyof Manifest, unknown>>>,
): Promise<void> {
  const directory = makePlace(owner);
  cpSync(example(from), directory, { recursive: true });
  const path = join(directory, "tsfn.json");
  const manifest = JSON.parse(readFileSync(path, "utf8")) as Partial<Manifest>;
  writeFileSync(path, JSON.stringify({ ...manifest, ...keys, name }));
  await server.deploy(directory);
}

function stagesOf(head: string): Map<string, number> {
  const timing = /^server-timing: (.*)$/im.exec(head)?.[1] ?? "";
  return new Map([...timing.matchAll(/([\w.-]+);dur=([\d.]+)/g)].map(([, stage = "", ms]) => [stage, Number(ms)]));
}
