// The way out of sandboxes as a whole, without sandboxes: what counts as open, and what is left when it is closed. What listens
// for a function is in the test's network namespace, where it is carried to in another one (sandbox-egress-program.ts).

import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import test from "ava";
import type { EgressLimits } from "../../runtime/egress/egress-messages.ts";
import type { Owner } from "../support/function-directory.ts";
import { until } from "../support/until.ts";
import type { ProgramOptions, ProgramState } from "./sandbox-egress-program.ts";

/** Of a sandbox: for connections, datagrams and streams of questions. */
const listeners = 3;
/** More than the kernel keeps, less than Node reads before it waits. */
const unread = Buffer.alloc(48 * 1024);

/** One sandbox for each name: that of its function. */
async function start(
  t: Owner,
  limits: Partial<EgressLimits>,
  functionNames: readonly string[] = ["tested"],
  network: ProgramOptions["network"] = "all",
) {
  const listening = await Promise.all(functionNames.map(listen));
  const all = listening.flatMap(({ sockets }) => sockets);
  const ports = listening.map(({ port }) => port);
  const sandboxes = listening.map(({ port }, index) => ({ port, functionName: functionNames[index] ?? "" }));
  const options: ProgramOptions = { sandboxes, limits, network };
  const program = [process.execPath, join(import.meta.dirname, "sandbox-egress-program.ts"), JSON.stringify(options)];
  const child = spawn("unshare", ["--net", "sh", "-c", `ip link set lo up && exec "$0" "$@"`, ...program], {
    stdio: ["ignore", "inherit", "inherit", ...all.map(descriptorOf), "ipc"],
  });
  t.teardown(() => child.kill("SIGKILL"));
  for (const socket of all) socket.close();
  const ask = async (close: boolean): Promise<ProgramState> => {
    child.send({ close });
    const [state] = await once(child, "message");
    return state as ProgramState;
  };
  return { ports, port: ports[0] ?? 0, state: () => ask(false), close: () => ask(true) };
}

async function listen() {
  const [connections, nameStreams] = [createServer().listen(0, "127.0.0.1"), createServer().listen(0, "127.0.0.1")];
  const names = createSocket("udp4").bind(0, "127.0.0.1");
  const sockets = [connections, names, nameStreams];
  await Promise.all(sockets.map((socket) => once(socket, "listening")));
  return { sockets, port: (connections.address() as AddressInfo).port };
}

interface Held {
  readonly handle?: { readonly fd: number };
}

/** Node does not tell it; a server and a datagram socket each keep it in their own place. */
function descriptorOf(socket: object): number {
  const { _handle } = socket as { readonly _handle?: Held["handle"] };
  const states = Object.getOwnPropertySymbols(socket).map((symbol) => Reflect.get(socket, symbol) as Held | undefined);
  const fd = (_handle ?? states.find((state) => state?.handle !== undefined)?.handle)?.fd;
  if (fd === undefined) throw new Error("the socket has no descriptor");
  return fd;
}

/** A function's connection that has ended in both directions, the last of what it sent unread. */
async function leave(port: number): Promise<void> {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.resume().write(unread);
  await once(socket, "end");
  socket.end();
  await once(socket, "close");
}

async function refused(port: number): Promise<void> {
  await once(connect({ port, host: "127.0.0.1" }).resume(), "error");
}

test("a connection counts until both of its sides are closed, and both end with the sandbox", async (t) => {
  const { port, state, close } = await start(t, { connectionsPerSandbox: 2, lingerTimeoutMs: 600_000 });
  for (const count of [1, 2]) {
    await leave(port);
    await until("the function's side is closed", async () => (await state()).sockets === count);
    t.is((await state()).connections, count);
  }
  await refused(port);
  t.deepEqual((await state()).notices, [
    "network: a connection is refused: the instance has 2 open, which is the limit",
  ]);
  t.like(await close(), { connections: 0, sockets: -listeners });
});

test("a destination that does not take what is left is not waited for", async (t) => {
  const { port, state } = await start(t, { lingerTimeoutMs: 100 });
  await leave(port);
  await until("it was given up", async () => (await state()).sockets === 0);
  t.like(await state(), { connections: 0, notices: [] });
});

test("a function has no more connections than its share, however many instances it has", async (t) => {
  const names = ["greedy", "greedy", "other"];
  const { ports, state } = await start(t, { connectionsPerFunction: 2, lingerTimeoutMs: 600_000 }, names);
  const [first = 0, second = 0, other = 0] = ports;
  await leave(first);
  await leave(second);
  await refused(first);
  await refused(second);
  await leave(other);
  await until("three are open", async () => (await state()).connections === 3);
  const refusal = "all instances of the function together have 2 open, which is the limit";
  t.deepEqual(new Set((await state()).notices), new Set([`network: a connection is refused: ${refusal}`]));
});

test("a connection that turns out to lead to the server itself is reset before anything is sent", async (t) => {
  const { port, state } = await start(t, {}, ["tested"], "internet");
  await refused(port);
  await until("nothing is left", async () => (await state()).connections === 0);
  const own = `127.0.0.1:${port}`;
  t.deepEqual((await state()).notices, [
    `network: ${own} is refused: the address is the server's own; "network" would have to be a list that has "${own}"`,
  ]);
});
