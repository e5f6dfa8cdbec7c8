// A real warden for a test, with the test itself as its client: relay.c stands in tsfnd's place and hands the sockets
// over. Sandboxes get a layer with one static program, inside.c.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { TestFn } from "ava";
import type { Egress } from "../../runtime/egress/index.ts";
import { linuxSandboxes, type Program, type SandboxFactory, type SandboxSpec } from "../../runtime/sandbox/index.ts";
import { connectWarden, type WardenClient, type WardenSockets } from "../../runtime/warden/index.ts";
import { loadLaneReceiver } from "../../runtime/warden/native.ts";
import { root } from "../architecture/tree.ts";
import { type Owner, temporaryDirectory } from "./function-directory.ts";
import { readProcess } from "./processes.ts";
import { until } from "./until.ts";

export interface TestWarden {
  readonly id: string;
  readonly dataDir: string;
  readonly pid: number;
  /** Of the process above it. */
  readonly guardianPid: number;
  /** Of the relay: what tsfnd would be. */
  readonly relayPid: number;
  readonly client: WardenClient;
  readonly sandboxes: SandboxFactory;
  /** Resolves when nothing of it is left, with what the guardian told and what stderr said. */
  readonly ended: Promise<WardenEnd>;
  /** SIGTERM, and everything that follows. */
  stop(): Promise<WardenEnd>;
  /** To the warden itself. */
  signal(name: NodeJS.Signals): void;
}

export interface WardenEnd {
  readonly code: number | null;
  readonly signal: string | null;
  readonly stderr: string;
}

export interface WardenOptions {
  /** Of an earlier one that is gone: its directories and id are used again. */
  readonly after?: TestWarden;
  /** Connects no client: the test takes the sockets. */
  readonly raw?: (sockets: WardenSockets) => void;
  /** Another build of it. */
  readonly binary?: string;
}

export const wardenPath = join(root, "native/build/warden");
const unprivileged = 61_999;
/** Of the layer that holds /inside. */
export const layer = createHash("sha256").update("test layer").digest("hex");

/** One for all tests of a file. */
export function shareWarden(test: TestFn, use: (warden: TestWarden) => void | Promise<void>): void {
  const undo: (() => unknown)[] = [];
  test.before(async () => {
    await use(await startWarden({ teardown: (step) => undo.unshift(step) }));
  });
  test.after.always(async () => {
    for (const step of undo) await step();
  });
}

export async function startWarden(t: Owner, options: WardenOptions = {}): Promise<TestWarden> {
  const id = options.after?.id ?? randomBytes(4).toString("hex");
  const dataDir = options.after?.dataDir ?? prepareDirectories(t);
  const runDir = join(dataDir, "../run");
  const socketPath = join(runDir, `${randomBytes(4).toString("hex")}.sock`);
  const arrival = await listen(socketPath);
  const command = [join(dataDir, "program/relay"), socketPath];
  const child = spawn(options.binary ?? wardenPath, argumentsFor(id, dataDir, command), {
    stdio: ["ignore", "inherit", "pipe"],
    // For sanitized builds: the leak checker traces its own process, which the warden forbids.
    env: { ASAN_OPTIONS: "detect_leaks=0" },
  });
  const ended = endOf(child);
  t.teardown(async () => {
    child.kill("SIGTERM");
    await ended;
  });
  const sockets = await Promise.race([arrival.sockets, ended.then(failStart)]);
  const guardianPid = child.pid ?? 0;
  const [pid] = childrenOf(guardianPid);
  if (pid === undefined) throw new Error("the warden did not start");
  // The last that it starts: what it holds is complete.
  await foremanOf({ pid });
  options.raw?.(sockets);
  const client = options.raw === undefined ? connectWarden(sockets) : unconnected;
  t.teardown(() => client.close());
  return {
    id,
    dataDir,
    pid,
    guardianPid,
    relayPid: childrenOf(pid)[0] ?? 0,
    client,
    sandboxes: linuxSandboxes(client, noEgress),
    ended,
    signal: (name) => process.kill(pid, name),
    stop() {
      child.kill("SIGTERM");
      return ended;
    },
  };
}

/** Runs the warden until it ends by itself. */
export async function runWarden(args: readonly string[], uid = 0): Promise<WardenEnd> {
  return endOf(spawn(wardenPath, args, { stdio: ["ignore", "inherit", "pipe"], env: {}, uid }));
}

export function argumentsFor(id: string, dataDir: string, command: readonly string[]): string[] {
  const [user, run, program] = [String(unprivileged), join(dataDir, "../run"), join(dataDir, "../package")];
  const flags = { id, "data-dir": dataDir, "run-dir": run, user, group: user, program };
  return [...Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value]), "--", ...command];
}

/** data, run and package as the command line would prepare them; package is closed to all but root, as a home is. */
export function prepareDirectories(t: Owner): string {
  const base = temporaryDirectory(t);
  chmodSync(base, 0o711);
  const dataDir = join(base, "data");
  for (const [path, mode, owner] of [
    ["data", 0o711, 0],
    ["data/layers", 0o700, unprivileged],
    ["run", 0o755, unprivileged],
    ["package", 0o755, 0],
  ] as const) {
    mkdirSync(join(base, path));
    chmodSync(join(base, path), mode);
    chownSync(join(base, path), owner, owner);
  }
  copyFileSync(program("relay"), join(base, "package/relay"));
  addLayer(dataDir, layer, (directory) => copyFileSync(program("inside"), join(directory, "inside")));
  return dataDir;
}

export function addLayer(dataDir: string, digest: string, fill: (directory: string) => void): void {
  const directory = join(dataDir, "layers", digest);
  mkdirSync(directory);
  chmodSync(directory, 0o755);
  fill(directory);
}

let made = 0;
export function spec(changes: Partial<Omit<SandboxSpec, "limits">> & Partial<SandboxSpec["limits"]> = {}): SandboxSpec {
  made += 1;
  const { id = `test-${made}`, kind = "instance", hostname = "tested", layers = [layer], ...limits } = changes;
  const usual = { memoryBytes: 64 << 20, cpus: 1, pids: 16, diskBytes: 8 << 20, diskInodes: 512, openFiles: 256 };
  return { id, kind, hostname, layers, limits: { ...usual, ...limits } };
}

export function inside(...args: readonly string[]): Program {
  return { argv: ["/inside", ...args], env: {}, cwd: "/" };
}

/** What it printed, and how it ended. The sandbox is destroyed. */
export async function run(warden: TestWarden, program: Program, of: SandboxSpec = spec()) {
  const sandbox = await warden.sandboxes.create(of);
  try {
    const { stdout, stderr, wire, tickets, exited } = await sandbox.start(program);
    wire.destroy();
    tickets?.close();
    const [out, err, exit] = await Promise.all([printed(stdout), printed(stderr), exited]);
    return { out, err, exit };
  } finally {
    await sandbox.destroy();
  }
}

/** All that comes out of a pipe of a sandbox, whose pieces are there for `data` listeners only. */
export async function printed(stream: Readable): Promise<string> {
  let all = "";
  stream.on("data", (piece: Buffer) => {
    all += piece.toString("latin1");
  });
  stream.resume();
  await once(stream, "close");
  return Buffer.from(all, "latin1").toString();
}

/** Directories named for this server in every cgroup hierarchy. */
export function cgroupsOf(id: string): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line.includes(" - cgroup"))
    .map((line) => join(line.split(" ")[4] ?? "", `tsfn-${id}`))
    .filter((path) => existsSync(path));
}

/** The process that forks makers. */
export function foremanOf({ pid }: Pick<TestWarden, "pid">): Promise<number> {
  const isForeman = (child: number) => readProcess(child)?.name === "tsfn-foreman";
  return until("the warden has a foreman", () => childrenOf(pid).find(isForeman));
}

export function childrenOf(pid: number): number[] {
  return (readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").match(/\d+/g) ?? []).map(Number);
}

/** Static, for it is all that there is in its layer. Compiled once per test process. */
const programs = new Map<string, string>();
function program(name: string): string {
  const known = programs.get(name);
  if (known !== undefined) return known;
  const output = join(tmpdir(), `tsfn-program-${name}-${process.pid}`);
  const source = join(root, "test/native/programs", `${name}.c`);
  execFileSync("cc", ["-std=gnu11", "-D_GNU_SOURCE", "-O1", "-Wall", "-Werror", "-static", "-o", output, source]);
  process.once("exit", () => rmSync(output, { force: true }));
  programs.set(name, output);
  return output;
}

async function listen(path: string): Promise<{ readonly sockets: Promise<WardenSockets> }> {
  const server: Server = createServer({ pauseOnConnect: true });
  server.listen(path);
  await once(server, "listening");
  chownSync(path, unprivileged, unprivileged);
  return { sockets: once(server, "connection").then(([socket]) => take(server, socket as Socket)) };
}

/** Node has no call for received descriptors; the library that tsfnd uses has. */
async function take(server: Server, socket: Socket): Promise<WardenSockets> {
  const { fd } = (socket as unknown as { readonly _handle: { readonly fd: number } })._handle;
  const receive = loadLaneReceiver();
  const { descriptors } = await until("the relay has sent its sockets", () => {
    try {
      return receive(fd, 2);
    } catch (error) {
      if (String(error).includes("EAGAIN")) return null;
      throw error;
    }
  });
  socket.destroy();
  server.close();
  const [controlFd = -1, laneFd = -1] = descriptors ?? [];
  return { controlFd, laneFd };
}

async function endOf(child: ChildProcess): Promise<WardenEnd> {
  const stderr = child.stderr === null ? "" : text(child.stderr);
  const [code, signal] = (await once(child, "exit")) as [number | null, string | null];
  return { code, signal, stderr: await stderr };
}

function failStart({ code, signal, stderr }: WardenEnd): never {
  throw new Error(`the warden ended with ${code ?? signal} before it was ready: ${stderr}`);
}

/** Tests that give sandboxes a network have a whole server. */
const noEgress: Egress = {
  reserve: () => unreachable(),
  close: () => Promise.resolve(),
};

function unreachable(): never {
  throw new Error("this test has no egress");
}

const unconnected: WardenClient = {
  request: () => Promise.reject(new Error("this test speaks to the warden itself")),
  listen() {},
  forget() {},
  lost: Promise.resolve(),
  close() {},
};
