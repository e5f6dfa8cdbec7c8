// What a function sees of the machine: a probe function looks around inside its sandbox and reports.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { functionOf, temporaryDirectory } from "../support/function-directory.ts";
import { startServer } from "../support/server.ts";

const head = `
import { readFileSync, readdirSync, writeFileSync, statSync } from "node:fs";
import { connect } from "node:net";
import { networkInterfaces, hostname, availableParallelism, totalmem, cpus } from "node:os";
const outcome = (action: () => unknown): string => {
  try { const value = action(); return Array.isArray(value) && value.length === 0 ? "empty" : "ok"; }
  catch (error) { return (error as NodeJS.ErrnoException).code ?? String(error); }
};
const reach = (host: string, port: number) => new Promise<string>((resolve) => {
  const socket = connect({ host, port, timeout: 1000 });
  socket.once("connect", () => { socket.destroy(); resolve("connected"); });
  socket.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? "error"));
  socket.once("timeout", () => { socket.destroy(); resolve("timeout"); });
});
`;

interface Report {
  readonly status: string;
  readonly pid: number;
  readonly uid: number | undefined;
  readonly root: readonly string[];
  readonly proc: readonly string[];
  readonly reads: Readonly<Record<string, string>>;
  readonly writes: Readonly<Record<string, string>>;
  readonly network: readonly string[];
  readonly interfaces: readonly string[];
  readonly hostname: string;
  readonly env: Readonly<Record<string, string>>;
  readonly descriptors: readonly string[];
  readonly cpus: readonly [number, number];
  readonly memoryBytes: number;
}

/** The kernel's way into what pid 1 has as its root: here the sandbox's own, never the host's. */
const rootOfFirst = join("/proc", "1", "root");

test.serial(
  "inside: no privilege, no host file, no write outside, no network, no environment of the daemon",
  async (t) => {
    const server = await startServer(t);
    const secret = join(temporaryDirectory(t), "secret.txt");
    writeFileSync(secret, "of the host", { mode: 0o644 });
    const { port } = new URL(server.url());
    const reads = [
      "/etc/shadow",
      "/root",
      secret,
      server.dataDir,
      server.admin,
      "/proc/sys",
      "/proc/sysrq-trigger",
      "/proc/kcore",
      "/proc/keys",
      "/sys",
      "/sys/fs/cgroup",
      "/dev/mem",
      "/dev/kvm",
      "/dev/vsock",
      `${rootOfFirst}/etc/shadow`,
    ];
    const writes = [
      "/x",
      "/usr/x",
      "/usr/local/bin/node",
      "/opt/tsfn/guest.mjs",
      "/etc/passwd",
      "/proc/self/oom_score_adj",
      "/dev/x",
      "/app/x",
      "/tmp/x",
      "/dev/null",
    ];
    const body = `
    return Response.json({
      status: readFileSync("/proc/self/status", "utf8"),
      pid: process.pid,
      uid: process.getuid?.(),
      root: readdirSync("/"),
      proc: readdirSync("/proc"),
      reads: Object.fromEntries(${JSON.stringify(reads)}.map((path) =>
        [path, outcome(() => statSync(path).isDirectory() ? readdirSync(path) : readFileSync(path))])),
      writes: Object.fromEntries(${JSON.stringify(writes)}.map((path) =>
        [path, outcome(() => writeFileSync(path, path.startsWith("/proc") ? "-1000" : "x"))])),
      network: await Promise.all([reach("127.0.0.1", ${port}), reach("169.254.169.254", 80), reach("10.0.0.1", 80)]),
      interfaces: Object.keys(networkInterfaces()),
      hostname: hostname(),
      env: { ...process.env },
      descriptors: readdirSync("/proc/self/fd"),
      cpus: [cpus().length, availableParallelism()],
      memoryBytes: totalmem(),
    });`;
    await server.deploy(functionOf(t, { name: "probe", env: { MINE: "yes" } }, body, head));
    const response = await server.fetch("/function/probe");
    const text = await response.text();
    t.is(response.status, 200, text);
    const report = JSON.parse(text) as Report;

    const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(report.status)?.[1];
    for (const set of ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]) t.is(field(set), "0000000000000000", set);
    t.is(field("NoNewPrivs"), "1");
    t.is(field("Seccomp"), "2");
    t.is(field("NSpid"), "1", "nothing of the host's pids is seen");
    t.is(report.pid, 1);
    t.is(report.uid, 1000);

    t.false(report.proc.includes("sys"));
    for (const path of reads)
      t.true(
        ["ENOENT", "EACCES", "EPERM", "ENOTDIR", "empty"].includes(report.reads[path] ?? ""),
        `${path}: ${report.reads[path]}`,
      );

    const writable = new Set(["/app/x", "/tmp/x", "/dev/null"]);
    for (const path of writes)
      t.is(report.writes[path] === "ok", writable.has(path), `${path}: ${report.writes[path]}`);

    t.false(report.network.includes("connected"), report.network.join());
    t.deepEqual(report.interfaces, ["lo"]);
    t.regex(report.hostname, /^[a-z0-9-]+$/);

    t.is(report.env.MINE, "yes");
    t.is(report.env.TSFN_FUNCTION_NAME, "probe");
    const known =
      /^(?:TSFN_(?:FUNCTION_NAME|FUNCTION_VERSION|INSTANCE_ID|MEMORY_MB|TIMEOUT_MS)|K_SERVICE|K_REVISION|FUNCTION_TARGET|PORT|PATH|HOME|LANG|TZ|PWD|MINE)$/;
    t.deepEqual(
      Object.keys(report.env).filter((name) => !known.test(name)),
      [],
    );

    t.deepEqual(report.cpus, [1, 1]);
    t.is(report.memoryBytes, 128 * 2 ** 20);
  },
);
