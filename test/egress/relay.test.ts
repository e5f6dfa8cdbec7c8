// Relays end when they are told to, whatever they are in the middle of, and never keep their process from ending.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import test from "ava";

const program = `
import { once } from "node:events";
import { Worker } from "node:worker_threads";
const workerData = JSON.parse(process.argv[1]);
const worker = new Worker(${JSON.stringify(join(import.meta.dirname, "relay-worker.ts"))}, { workerData, execArgv: [] });
await once(worker, "message");
console.log(Date.now());
process.exit(7);
`;

/** @param prefix what the program runs in */
async function exit(workerData: object, prefix: readonly string[] = []) {
  const [command = process.execPath, ...args] = [...prefix, process.execPath];
  const child = spawn(command, [...args, "--input-type=module", "-e", program, JSON.stringify(workerData)], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 20_000,
    killSignal: "SIGKILL",
  });
  const [readyAtMs, stderr, [code]] = await Promise.all([
    text(child.stdout).then(Number),
    text(child.stderr),
    once(child, "exit"),
  ]);
  return { code: code as number | null, tookMs: Date.now() - readyAtMs, stderr };
}

for (const ending of ["none", "at once", "later"]) {
  test(`a process with relays in every state ends within a second; ended before: ${ending}`, async (t) => {
    const { code, tookMs, stderr } = await exit({ ending, isAlone: false });
    t.is(code, 7, stderr);
    t.true(tookMs < 1_000, `${tookMs} ms`);
  });
}

/** In a network namespace of its own, with a device that swallows all. */
const alone = ["unshare", "--net", "sh", "-c"];
const dummy = `ip link set lo up && ip link add hole type veth peer name end && ip link set end up && ip link set hole arp off up &&
  ip addr add 198.51.100.1/24 dev hole && ip route add default dev hole && exec "$0" "$@"`;

for (const ending of ["none", "at once", "later"]) {
  test(`the same while they are being connected; ended before: ${ending}`, async (t) => {
    const { code, tookMs, stderr } = await exit({ ending, isAlone: true }, [...alone, dummy]);
    t.is(code, 7, stderr);
    t.true(tookMs < 1_000, `${tookMs} ms`);
  });
}

/** Prints how many bytes a function got that began to read after its destination was done, and a while more. */
const lateReader = `
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { relay } from ${JSON.stringify(join(import.meta.dirname, "../../runtime/egress/relay.ts"))};
for (const name of ["tcp_rmem", "tcp_wmem"]) writeFileSync("/proc/sys/net/ipv4/" + name, "4096 4096 4096");
const listen = async (accepted) => {
  const server = createServer({ allowHalfOpen: true }, accepted).listen(0, "127.0.0.1");
  await once(server, "listening");
  return server.address().port;
};
const port = await listen((socket) => socket.resume().end(Buffer.alloc(48 * 1024)));
const relayed = Promise.withResolvers();
const limits = { connectTimeoutMs: 60_000, idleTimeoutMs: 60_000, lingerTimeoutMs: 50 };
const near = await listen((inner) => relayed.resolve(relay({ inner, address: "127.0.0.1", port, ...limits, failed: console.log, isAllowedFrom: () => true })));
const client = new Socket().pause().connect(near, "127.0.0.1").end();
await once(await relayed.promise, "close");
await pause(500);
let bytes = 0;
client.on("data", (piece) => (bytes += piece.length)).on("error", () => {});
await once(client.resume(), "close").catch(() => {});
console.log(bytes);
process.exit();
`;

test.serial("a function that reads slowly gets what its destination had sent before it closed", async (t) => {
  const [command = "", ...args] = [...alone, `ip link set lo mtu 1500 up && exec "$0" "$@"`, process.execPath];
  const child = spawn(command, [...args, "--input-type=module", "-e", lateReader], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.is(await text(child.stdout), `${48 * 1024}\n`);
});
