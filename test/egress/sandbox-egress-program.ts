// tsfnd's part of the way out for sandbox-egress.test.ts, in a network namespace of its own whose kernel keeps next to nothing:
// takes the sockets from 3 on, three for each sandbox, and is the destination as well, which ends at once and never reads.
// Every message from the test is answered with the state.

import { readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { OwnAddresses } from "../../runtime/egress/address-classes.ts";
import { type EgressLimits, egressLimits } from "../../runtime/egress/egress-messages.ts";
import { loadLocalRoutes } from "../../runtime/egress/local-routes.ts";
import { Places } from "../../runtime/egress/places.ts";
import { type Policy, policyOf } from "../../runtime/egress/policy.ts";
import { Resolver } from "../../runtime/egress/resolver.ts";
import { SandboxEgress } from "../../runtime/egress/sandbox-egress.ts";

export interface ProgramOptions {
  /** `port` is where its connections are accepted, and where its destination listens. */
  readonly sandboxes: readonly { readonly port: number; readonly functionName: string }[];
  readonly limits: Partial<EgressLimits>;
  /** The policy is that of "internet" once a connection is made; before, all are allowed. */
  readonly network: "internet" | "all";
}

export interface ProgramState {
  readonly connections: number;
  /** More than there were before the first connection: neither the destination's nor the test's. */
  readonly sockets: number;
  readonly notices: readonly string[];
}

const { sandboxes: specs, limits: changes, network } = JSON.parse(process.argv[2] ?? "") as ProgramOptions;
for (const name of ["tcp_rmem", "tcp_wmem"]) writeFileSync(`/proc/sys/net/ipv4/${name}`, "4096 4096 4096");

/** The sandboxes' are among them. */
const atFirst = socketsOpen();
const peers: Socket[] = [];
const notices: string[] = [];
for (const { port } of specs)
  createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    socket.on("error", () => {});
    peers.push(socket.end());
  }).listen(port, "127.0.0.1");

const internet = policyOf("internet", { own: { has: () => false }, now: () => 0 });
const refusalFrom: Policy["refusalFrom"] = (...connection) =>
  network === "internet" ? internet.refusalFrom(...connection) : null;
const limits = { ...egressLimits(1_000), ...changes };
const now = () => performance.now();
const shared = {
  limits,
  own: new OwnAddresses(now, loadLocalRoutes()),
  resolver: new Resolver(limits, now),
  connections: new Places({ places: limits.connections, placesPerFunction: limits.connectionsPerFunction }),
  lookups: new Places({ places: limits.lookups, placesPerFunction: limits.lookupsPerFunction }),
};
const sandboxes = specs.map(({ functionName }, index) => {
  const fd = 3 + 3 * index;
  return new SandboxEgress({
    functionName,
    policy: { refusal: () => null, refusalFrom, mayResolve: () => true, learn: () => {} },
    sockets: { connections: fd, names: fd + 1, nameStreams: fd + 2 },
    notice: (message) => notices.push(message),
    fault: (error) => notices.push(String(error)),
    shared,
  });
});

function socketsOpen(): number {
  return readdirSync("/proc/self/fd").filter((fd) => linkOf(fd).startsWith("socket:")).length;
}

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return "";
  }
}

process.on("message", async ({ close }: { close: boolean }) => {
  if (close) await Promise.all(sandboxes.map((sandbox) => sandbox.close()));
  const sockets = socketsOpen() - atFirst - specs.length - peers.length;
  process.send?.({ connections: shared.connections.count, sockets, notices } satisfies ProgramState);
});
process.once("disconnect", () => process.exit());
