// The floor against an instance, lock by lock: a floor with fewer of them closed would be a lie.

import { execFileSync } from "node:child_process";
import test from "ava";
import { startFloor } from "../../bench/floor.ts";
import { modelOf } from "../../bench/tsfn.ts";
import { functionOf } from "../support/function-directory.ts";
import { processesOf } from "../support/kinds.ts";
import { namespacesOf, readProc } from "../support/processes.ts";
import { startServer } from "../support/server.ts";

test.serial("the sandbox of L3 has every lock of an instance's, and the floors take time", async (t) => {
  const server = await startServer(t);
  await server.deploy(functionOf(t, { name: "model" }, `return new Response("x");`));
  await using owner = new AsyncDisposableStack();
  const floor = startFloor(owner, await modelOf({ server }, "model"));
  const [instance] = processesOf("instance", server.info());
  if (instance === undefined) return t.fail("there is no instance");
  t.deepEqual(await floor.hold(locksOf), locksOf(instance.pid));
  for (const name of ["L1", "L2", "L3", "L5", "L7"] as const) {
    const { wallMs, cpuMs } = await floor.round(name);
    t.true(wallMs > 0 && cpuMs > 0, name);
  }
  t.true((await floor.cloneMemory()).pageTablesBytes > 0);
});

function locksOf(pid: number): unknown {
  const status = readProc(pid, "status") ?? "";
  const limits = readProc(pid, "limits") ?? "";
  const field = (name: string) => new RegExp(`^${name}:\\s*(\\S+)`, "m").exec(status)?.[1];
  const hard = (name: string) => new RegExp(`^Max ${name}\\s+\\S+\\s+(\\S+)`, "m").exec(limits)?.[1];
  const host = namespacesOf("self");
  return {
    capabilities: ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map(field),
    privileges: field("NoNewPrivs"),
    seccomp: field("Seccomp"),
    uid: Number(field("Uid")) % 4_096,
    uids: /^\s*0\s+\d+\s+4096\s*$/.test(readProc(pid, "uid_map") ?? ""),
    namespaces: [...namespacesOf(pid)].filter(([kind, inode]) => host.get(kind) !== inode).map(([kind]) => kind),
    limits: ["open files", "core file size", "pending signals", "locked memory", "msgqueue size"].map(hard),
    inotify: seenInUserNamespace(pid, ["max_inotify_instances", "max_inotify_watches"]),
    mounts: mountsOf(pid),
    cgroups: (readProc(pid, "cgroup") ?? "")
      .split("\n")
      .filter((line) => line.includes("/tsfn-"))
      .map((line) => line.split(":")[1])
      // All of a server share one device list; and a v2 tree that controls nothing limits nothing.
      .filter((controllers) => controllers !== "devices" && controllers !== "")
      .sort(),
  };
}

/** What /proc/sys/user of this mount namespace says to whoever is in that user namespace. */
function seenInUserNamespace(pid: number, names: readonly string[]): string {
  const paths = names.map((name) => `/proc/sys/user/${name}`);
  const entering = ["--user", "--preserve-credentials", "--target", `${pid}`];
  return execFileSync("nsenter", [...entering, "cat", ...paths], { encoding: "utf8" });
}

/** Point, options and type; the options of a file system itself differ with its limits. */
function mountsOf(pid: number): string[] {
  return (readProc(pid, "mountinfo") ?? "")
    .trim()
    .split("\n")
    .map((line) => {
      const [front = "", back = ""] = line.split(" - ");
      const [, , , , point, options] = front.split(" ");
      return `${point} ${options} ${back.split(" ")[0]}`;
    })
    .sort();
}
