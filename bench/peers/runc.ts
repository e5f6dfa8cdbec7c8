// `runc run`: the same root, bundle and Node as an instance of tsfn, in a container made from nothing by Debian's runc.

import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { now } from "../../runtime/trace.ts";
import { createCpuMeter } from "../cpu-meter.ts";
import { containersName, makePlace } from "../place.ts";
import { endContainer, processIn, removeGroups } from "./container-cgroups.ts";
import { command, describeIsolation, limits, makeContainerRoot, socketDirectory } from "./container-root.ts";
import type { ColdPeer, Isolation } from "./peer.ts";
import { getFirstByteOf } from "./unix-socket.ts";

/** What `runc spec` proposes. */
const capabilities = ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"];
const isolation: Isolation = {
  namespaces: ["ipc", "mnt", "net", "pid", "uts"],
  seccomp: false,
  capabilities: capabilities.length,
  ...limits,
};

/** @param layers directories of tsfn's base layers, topmost first @param directory of the function */
export async function prepareRunc(
  owner: AsyncDisposableStack,
  layers: readonly string[],
  directory: string,
): Promise<ColdPeer> {
  const place = makePlace(owner);
  await makeContainerRoot(place, layers, directory);
  const group = containersName("runc");
  owner.defer(() => removeGroups(group));
  const meter = createCpuMeter("runc", group);
  owner.defer(() => meter.remove());
  let starts = 0;
  return {
    name: "runc run",
    about: `runc run: ${describeIsolation(isolation)}; its root, read-only, was unpacked before`,
    meter,
    isolation,
    spawn() {
      starts += 1;
      const bundle = join(place, String(starts));
      const sockets = join(bundle, "sockets");
      mkdirSync(sockets, { recursive: true });
      const id = `${group}-${starts}`;
      const config = configOf(join(place, "root"), `/${group}/${id}`, sockets);
      writeFileSync(join(bundle, "config.json"), JSON.stringify(config));
      const [child, spawnedAtMs] = meter.within(() => {
        const startedAtMs = now();
        const args = ["--root", join(place, "state"), "run", "--bundle", bundle, id];
        return [spawn("runc", args, { stdio: ["ignore", "ignore", "inherit"] }), startedAtMs] as const;
      });
      const servingPid = () => processIn(`${group}/${id}`);
      return {
        spawnedAtMs,
        firstByte: (onFirstByte = () => undefined) => getFirstByteOf(child, sockets, onFirstByte),
        servingPid,
        end: () => endContainer(child, `${group}/${id}`),
      };
    },
  };
}

/** What `runc spec` writes, with tsfn's limits and one more mount. */
function configOf(root: string, cgroupsPath: string, sockets: string): unknown {
  const mount = (destination: string, type: string, ...options: string[]) => ({
    destination,
    type,
    source: type,
    options,
  });
  return {
    ociVersion: "1.0.2-dev",
    process: {
      user: { uid: 0, gid: 0 },
      args: command,
      env: ["PATH=/usr/bin:/bin", "GREETING=Hello"],
      cwd: "/app",
      capabilities: {
        bounding: capabilities,
        effective: capabilities,
        permitted: capabilities,
        ambient: capabilities,
      },
      rlimits: [{ type: "RLIMIT_NOFILE", hard: 1024, soft: 1024 }],
      noNewPrivileges: true,
    },
    root: { path: root, readonly: true },
    hostname: "runc",
    mounts: [
      mount("/proc", "proc"),
      mount("/dev", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
      mount("/dev/pts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
      mount("/dev/shm", "tmpfs", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
      mount("/dev/mqueue", "mqueue", "nosuid", "noexec", "nodev"),
      mount("/sys", "sysfs", "nosuid", "noexec", "nodev", "ro"),
      mount("/tmp", "tmpfs", "nosuid", "nodev", "mode=1777", "size=65536k"),
      { destination: socketDirectory, type: "bind", source: sockets, options: ["bind", "rw", "nosuid", "nodev"] },
    ],
    linux: {
      cgroupsPath,
      resources: {
        devices: [{ allow: false, access: "rwm" }],
        memory: { limit: limits.memoryBytes, swap: limits.memoryBytes },
        pids: { limit: limits.pids },
        cpu: { quota: limits.cpus * 100_000, period: 100_000 },
      },
      namespaces: ["pid", "network", "ipc", "uts", "mount"].map((type) => ({ type })),
      maskedPaths: [
        "/proc/acpi",
        "/proc/kcore",
        "/proc/keys",
        "/proc/timer_list",
        "/proc/sched_debug",
        "/sys/firmware",
      ],
      readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    },
  };
}
