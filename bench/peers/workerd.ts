// workerd, the runtime of V8 isolates: serves the bundle of a function from one process, without a container around it.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { build } from "esbuild";
import { now } from "../../runtime/trace.ts";
import { createCpuMeter } from "../cpu-meter.ts";
import { getFirstByte } from "../first-byte.ts";
import { makePlace } from "../place.ts";
import type { ColdPeer, WarmPeer } from "./peer.ts";

const name = "workerd";
const about = "workerd: isolates in one process, no container; one worker on 127.0.0.1";
const config = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "function", worker = .function)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "function")]
);
const function :Workerd.Worker = (
  modules = [(name = "index.mjs", esModule = embed "index.mjs")],
  compatibilityDate = "2026-11-01"
);
`;

/** @param directory of the function to serve */
export async function prepareWorkerd(owner: AsyncDisposableStack, directory: string): Promise<ColdPeer> {
  const configPath = await writeConfig(owner, directory);
  const meter = createCpuMeter(name);
  owner.defer(() => meter.remove());
  return {
    name,
    about,
    meter,
    spawn() {
      const [workerd, spawnedAtMs] = meter.within(() => {
        const startedAtMs = now();
        return [launch(configPath), startedAtMs] as const;
      });
      return {
        spawnedAtMs,
        firstByte: async (onFirstByte = () => undefined) => getFirstByte(await workerd.port(), "/", onFirstByte),
        servingPid: () => workerd.pid,
        end: () => workerd.end(),
      };
    },
  };
}

/** @param directory of the function to serve */
export async function startWorkerd(owner: AsyncDisposableStack, directory: string): Promise<WarmPeer> {
  const workerd = launch(await writeConfig(owner, directory));
  owner.defer(() => workerd.end());
  const url = `http://127.0.0.1:${await workerd.port()}/`;
  return { name, about, url, processes: new Map([[name, [workerd.pid]]]) };
}

async function writeConfig(owner: AsyncDisposableStack, directory: string): Promise<string> {
  const place = makePlace(owner);
  // Not as a deployment does it: that begins with Node's `require`.
  const entryPoints = [join(directory, "index.ts")];
  await build({ entryPoints, bundle: true, format: "esm", platform: "neutral", outfile: join(place, "index.mjs") });
  const path = join(place, "config.capnp");
  writeFileSync(path, config);
  return path;
}

interface Workerd {
  readonly pid: number;
  port(): Promise<number>;
  end(): Promise<void>;
}

/** The program itself: npm's command is a Node script around it. */
function findProgram(): string {
  const name = process.arch === "arm64" ? "workerd-linux-arm64" : "workerd-linux-64";
  return createRequire(import.meta.url).resolve(`@cloudflare/${name}/bin/workerd`);
}

function launch(configPath: string): Workerd {
  const child = spawn(findProgram(), ["serve", configPath, "--control-fd=3"], {
    stdio: ["ignore", "ignore", "inherit", "pipe"],
  });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${findProgram()} did not start`);
  const exited = once(child, "exit");
  return {
    pid,
    port: () => readPort(child),
    async end() {
      child.kill("SIGKILL");
      await exited;
    },
  };
}

/** From the line of JSON with which it says that it listens. */
async function readPort({ stdio: [, , , control] }: ChildProcess): Promise<number> {
  for await (const line of createInterface({ input: control as Readable })) {
    const { event, port } = JSON.parse(line) as { readonly event: string; readonly port: number };
    if (event === "listen") return port;
  }
  throw new Error("workerd ended before it listened");
}
