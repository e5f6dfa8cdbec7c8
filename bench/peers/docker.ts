// `docker run`: the same root, bundle and Node as an instance of tsfn, from a Docker daemon of our own that shares nothing
// with one of the machine's: own directories, own mount namespace, no bridge, no packet filter rules.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { now } from "../../runtime/trace.ts";
import { until } from "../../test/support/until.ts";
import { createCpuMeter } from "../cpu-meter.ts";
import { containersName, makePlace } from "../place.ts";
import { endContainer, processIn, removeGroups } from "./container-cgroups.ts";
import { command, describeIsolation, limits, makeContainerRoot, socketDirectory } from "./container-root.ts";
import type { ColdPeer, Isolation } from "./peer.ts";
import { getFirstByteOf } from "./unix-socket.ts";

/** What Docker gives a container that asks for nothing. */
const isolation: Isolation = {
  namespaces: ["cgroup", "ipc", "mnt", "net", "pid", "uts"],
  seccomp: true,
  capabilities: 14,
  ...limits,
};
const daemonPatienceMs = 60_000;

/** @param layers directories of tsfn's base layers, topmost first @param directory of the function */
export async function prepareDocker(
  owner: AsyncDisposableStack,
  layers: readonly string[],
  directory: string,
): Promise<ColdPeer> {
  const place = makePlace(owner);
  const root = await makeContainerRoot(place, layers, directory);
  const group = containersName("docker");
  owner.defer(() => removeGroups(group));
  const meter = createCpuMeter("docker", group);
  owner.defer(() => meter.remove());
  const docker = await meter.within(() => startDaemon(owner, place, group));
  const tar = `tar --create --directory ${root} . | ${docker.join(" ")} import - peer`;
  execFileSync("sh", ["-c", tar], { stdio: ["ignore", "ignore", "inherit"] });
  const [driver] = execFileSync(docker[0], [...docker.slice(1), "info", "--format", "{{.Driver}}"], {
    encoding: "utf8",
  }).split("\n");
  let starts = 0;
  return {
    name: "docker run",
    about: `docker run: ${describeIsolation(isolation)}; storage driver ${driver}; the daemon was running, the image there`,
    meter,
    isolation,
    spawn() {
      starts += 1;
      const sockets = join(place, `sockets-${starts}`);
      mkdirSync(sockets);
      const [child, spawnedAtMs] = meter.within(() => {
        const startedAtMs = now();
        const args = [...docker.slice(1), "run", "--rm", ...flagsOf(sockets), "peer", ...command];
        return [spawn(docker[0], args, { stdio: ["ignore", "ignore", "inherit"] }), startedAtMs] as const;
      });
      const servingPid = () => processIn(group);
      return {
        spawnedAtMs,
        firstByte: (onFirstByte = () => undefined) => getFirstByteOf(child, sockets, onFirstByte),
        servingPid,
        end: () => endContainer(child, group),
      };
    },
  };
}

function flagsOf(sockets: string): string[] {
  return [
    ["--network", "none"],
    // The default depends on the version of the machine's cgroups.
    ["--cgroupns", "private"],
    ["--memory", String(limits.memoryBytes)],
    ["--memory-swap", String(limits.memoryBytes)],
    ["--pids-limit", String(limits.pids)],
    ["--cpus", String(limits.cpus)],
    ["--env", "GREETING=Hello"],
    ["--volume", `${sockets}:${socketDirectory}`],
  ].flat();
}

/** The command line of its client. */
async function startDaemon(
  owner: AsyncDisposableStack,
  place: string,
  group: string,
): Promise<readonly [string, ...string[]]> {
  const socket = `unix://${join(place, "docker.sock")}`;
  const log = join(place, "dockerd.log");
  const daemon = ["dockerd", "--host", socket, "--data-root", join(place, "data"), "--exec-root", join(place, "run")];
  const alone = [
    "--pidfile",
    join(place, "pid"),
    "--bridge=none",
    "--iptables=false",
    "--ip6tables=false",
    "--ip-forward=false",
    "--ip-masq=false",
  ];
  // With systemd's driver a parent would have to be one of its slices.
  const groups = ["--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", `/${group}`];
  const file = openSync(log, "w");
  // In a mount namespace of its own, whatever it mounts ends with it, and what it writes to the host's directories as well.
  const apart = `for at in /run /etc/docker; do mount -t tmpfs tmpfs "$at" || exit; done; exec "$@"`;
  const child = spawn(
    "unshare",
    ["--mount", "--propagation", "private", "sh", "-c", apart, "sh", ...daemon, ...alone, ...groups],
    { stdio: ["ignore", file, file] },
  );
  closeSync(file);
  const exited = once(child, "exit");
  owner.defer(async () => {
    child.kill("SIGTERM");
    await exited;
  });
  const client = ["/usr/bin/docker", "--host", socket] as const;
  await until(
    "the Docker daemon answers",
    () => {
      if (child.exitCode !== null)
        throw new Error(`dockerd exited with ${child.exitCode}:\n${readFileSync(log, "utf8")}`);
      return readFileSync(log, "utf8").includes("API listen on");
    },
    daemonPatienceMs,
  );
  return client;
}
