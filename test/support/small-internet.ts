// An internet of two network namespaces for a test: the one where its server runs, with an address of its own and a default
// route, and the one behind that route, which has every address that the test wants and real servers on them. Nothing leads
// out of the two, so that no packet can.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Agent, fetch as undiciFetch } from "undici";
import { root } from "../architecture/tree.ts";
import { type Owner, temporaryDirectory } from "./function-directory.ts";
import type { ServerNetwork } from "./server.ts";
import { until } from "./until.ts";

export interface SmallInternet extends ServerNetwork {
  /** PEM of the authority that the https server's certificate is from. */
  readonly authority: string;
  /** Of the server's machine: each public, if they were not its own. */
  readonly own: readonly string[];
  /** What a name server says from now on. */
  name(name: string, addresses: readonly string[], ttlS?: number): void;
  /** What its servers have seen and have open. */
  state(): Promise<WorldState>;
}

export interface WorldState {
  readonly open: number;
  readonly accepted: number;
  readonly lookups: readonly string[];
}

/** All on one device behind the default route, each with the same servers (small-internet-world.ts). */
const worldAddresses = [
  ...["8.8.8.8", "1.1.1.1", "93.184.216.34", "10.0.0.5", "192.168.7.7", "172.16.0.9", "100.64.0.1", "169.254.169.254"],
  ...["198.18.0.1", "224.0.0.9", "2606:4700::1111", "fd00::5", "2002:a00:5::1", "64:ff9b::a00:5"],
];
const own = ["9.9.9.9", "2620:fe::9"];

export async function startSmallInternet(t: Owner): Promise<SmallInternet> {
  const directory = temporaryDirectory(t);
  const [host, world] = [await holdNamespaces(t), await holdNamespaces(t)];
  connectNamespaces(host, world);
  const resolvConf = join(directory, "resolv.conf");
  writeFileSync(resolvConf, "nameserver 1.1.1.1\n");
  const within = enter(host);
  execFileSync(within[0] ?? "", [...within.slice(1), "mount", "--bind", resolvConf, "/etc/resolv.conf"]);
  const authority = makeCertificates(directory);
  const ask = await startWorld(t, world, directory);
  const relay = join(directory, "relay.sock");
  await startProgram(t, host, "small-internet-relay.ts", [relay]);
  await until("the relay listens", () => existsSync(relay));
  const dispatcher = new Agent({ connect: { socketPath: relay }, connections: 512, headersTimeout: 0, bodyTimeout: 0 });
  t.teardown(() => dispatcher.destroy());
  return {
    within,
    holderPid: host,
    own,
    authority,
    // The address and port are the relay's to find, from the Host header of each connection's first request.
    fetch: ((url: string, init: object) => undiciFetch(url, { ...init, dispatcher })) as unknown as typeof fetch,
    name: (name, addresses, ttlS = 300) => void ask({ name, addresses, ttlS }),
    state: () => ask({}),
  };
}

/** A process that does nothing but keep a network and a mount namespace. */
async function holdNamespaces(t: Owner): Promise<number> {
  const holder = spawn("unshare", ["--net", "--mount", "sh", "-c", "echo held; exec sleep infinity"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.teardown(() => end(holder));
  await once(holder.stdout, "data");
  return holder.pid ?? 0;
}

function enter(pid: number): string[] {
  return ["nsenter", `--net=/proc/${pid}/ns/net`, `--mount=/proc/${pid}/ns/mnt`, "--"];
}

function connectNamespaces(host: number, world: number): void {
  const ip = (pid: number, ...args: readonly string[]): void => {
    const [command = "", ...rest] = enter(pid);
    execFileSync(command, [...rest, "ip", ...args]);
  };
  ip(host, "link", "add", "up0", "type", "veth", "peer", "name", "down0", "netns", String(world));
  for (const [pid, device, ending] of [
    [host, "up0", "9"],
    [world, "down0", "1"],
  ] as const) {
    ip(pid, "link", "set", "lo", "up");
    ip(pid, "link", "set", device, "up");
    ip(pid, "addr", "add", `9.9.9.${ending}/24`, "dev", device);
    ip(pid, "addr", "add", `2620:fe::${ending}/64`, "dev", device, "nodad");
  }
  ip(host, "route", "add", "default", "via", "9.9.9.1");
  ip(host, "-6", "route", "add", "default", "via", "2620:fe::1");
  for (const address of worldAddresses) ip(world, "addr", "add", address, "dev", "lo");
}

/** An authority, and a certificate from it for the names of the tests. */
function makeCertificates(directory: string): string {
  const file = (name: string) => join(directory, name);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const openssl = (...args: readonly string[]) => execFileSync("openssl", args, { stdio: "pipe" });
  openssl(
    ...["req", "-x509", ...key, "-keyout", file("ca.key"), "-out", file("ca.pem"), "-days", "2", "-subj", "/CN=ca"],
  );
  openssl(
    ...["req", "-x509", ...key, "-keyout", file("key.pem"), "-out", file("cert.pem"), "-days", "2"],
    ...["-CA", file("ca.pem"), "-CAkey", file("ca.key"), "-subj", "/CN=test"],
    ...["-addext", "subjectAltName=DNS:api.example.com,DNS:*.example.com"],
  );
  return readFileSync(file("ca.pem"), "utf8");
}

async function startWorld(t: Owner, world: number, directory: string) {
  const child = await startProgram(t, world, "small-internet-world.ts", [directory]);
  const waiting: ((state: WorldState) => void)[] = [];
  const ready = once(child, "message");
  await ready;
  child.on("message", (state: WorldState) => waiting.shift()?.(state));
  return (request: object): Promise<WorldState> =>
    new Promise((resolve) => {
      waiting.push(resolve);
      child.send(request);
    });
}

async function startProgram(t: Owner, pid: number, name: string, args: readonly string[]): Promise<ChildProcess> {
  const [command = "", ...rest] = enter(pid);
  const node = join(root, `node_modules/node-linux-${process.arch}/bin/node`);
  const child = spawn(command, [...rest, node, join(root, "test/support", name), ...args], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  t.teardown(() => end(child));
  await once(child, "spawn");
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}
