// nginx (Debian's package) in front of a plain Node: the ordinary way to put a server between clients and a program.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { processTree } from "../../test/support/processes.ts";
import { until } from "../../test/support/until.ts";
import { makePlace } from "../place.ts";
import { freePort } from "./free-port.ts";
import type { WarmPeer } from "./peer.ts";

const workers = availableParallelism();

/** @param upstream the program behind it, which its owner starts and ends */
export async function startNginx(
  owner: AsyncDisposableStack,
  upstream: { readonly pid: number; readonly port: number },
): Promise<WarmPeer> {
  const place = makePlace(owner);
  const port = await freePort();
  const config = join(place, "nginx.conf");
  writeFileSync(config, configOf(place, port, upstream.port));
  const child = spawn("nginx", ["-p", place, "-c", config, "-e", "stderr"], { stdio: ["ignore", "ignore", "inherit"] });
  await once(child, "spawn").catch((cause: unknown) => {
    throw new Error("cannot start nginx; run bench/setup", { cause });
  });
  const exited = once(child, "exit");
  owner.defer(async () => {
    child.kill("SIGTERM");
    await exited;
  });
  const url = `http://127.0.0.1:${port}/`;
  const processes = await until("nginx answers", async () => {
    if (child.exitCode !== null) throw new Error(`nginx exited with ${child.exitCode}`);
    const tree = processTree(child.pid ?? 0).map(({ pid }) => pid);
    return tree.length > workers && (await answers(url)) && tree;
  });
  return {
    name: "nginx → node",
    about: `nginx, ${workers} workers, kept-alive connections to one plain Node; no isolation`,
    url,
    processes: new Map([
      ["nginx", processes],
      ["node", [upstream.pid]],
    ]),
  };
}

function configOf(place: string, port: number, upstreamPort: number): string {
  const buffers = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  for (const name of buffers) mkdirSync(join(place, name));
  return `daemon off;
pid ${place}/pid;
worker_processes ${workers};
events { worker_connections 1024; }
http {
  access_log off;
  ${buffers.map((name) => `${name}_temp_path ${place}/${name};`).join("\n  ")}
  keepalive_requests 100000000;
  upstream node {
    server 127.0.0.1:${upstreamPort};
    keepalive 64;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://node;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`;
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch (error) {
    // Not listening yet.
    if ((error as { readonly cause?: NodeJS.ErrnoException }).cause?.code === "ECONNREFUSED") return false;
    throw error;
  }
}
