// What a version may do while it loads, each with how it is to be started and how its handler tells that it still works.
// prefork.test.ts deploys every one of them in every mode.

export interface Behaviour {
  readonly name: string;
  /** Module level. */
  readonly load: string;
  /** Body of an async function; true when all is well. */
  readonly check: string;
  /** What `tsfn inspect` says when it cannot be forked after loading; without it, it can. */
  readonly reason?: RegExp;
  /** Of the manifest. */
  readonly reuse?: "never";
  readonly files?: Readonly<Record<string, string>>;
}

export const behaviours: readonly Behaviour[] = [
  { name: "nothing", load: "const state = { loaded: true };", check: "return state.loaded;" },
  {
    name: "top-level-await",
    load: "const later = await new Promise((resolve) => setTimeout(resolve, 20, 7));",
    check: "return later === 7;",
  },
  {
    name: "timer-that-fires",
    load: "let fired = 0; setTimeout(() => { fired += 1; }, 30);",
    check: "while (fired === 0) await pause(5); return fired === 1;",
  },
  {
    name: "timer-far-away",
    load: "let fired = false; setTimeout(() => { fired = true; }, 3_600_000);",
    check: "await pause(5); return !fired;",
    reason: /timer/,
  },
  {
    name: "interval",
    load: "let ticks = 0; setInterval(() => { ticks += 1; }, 5);",
    check: "const before = ticks; while (ticks < before + 2) await pause(5); return true;",
    reason: /timer/,
  },
  {
    name: "interval-without-a-reference",
    load: "let ticks = 0; setInterval(() => { ticks += 1; }, 5).unref();",
    check: "const before = ticks; while (ticks < before + 2) await pause(5); return true;",
  },
  {
    name: "listening-socket",
    load: `
      import { createServer } from "node:http";
      const server = createServer((_request, response) => response.end("served")).listen(0, "127.0.0.1");
      await once(server, "listening");`,
    check: `
      const { port } = server.address() as { port: number };
      return (await (await fetch("http://127.0.0.1:" + port)).text()) === "served";`,
    reason: /listening socket/,
  },
  {
    name: "connection",
    load: `
      import { connect, createServer } from "node:net";
      const server = createServer((socket) => socket.pipe(socket)).listen(0, "127.0.0.1");
      await once(server, "listening");
      const socket = connect((server.address() as { port: number }).port, "127.0.0.1");
      await once(socket, "connect");`,
    check: `socket.write("x"); return String((await once(socket, "data"))[0]) === "x";`,
    reason: /socket|connection/,
  },
  {
    name: "datagram-socket",
    load: `
      import { createSocket } from "node:dgram";
      const socket = createSocket("udp4");
      socket.bind(0, "127.0.0.1");
      await once(socket, "listening");`,
    check: `
      const heard = once(socket, "message");
      socket.send("x", socket.address().port, "127.0.0.1");
      return String((await heard)[0]) === "x";`,
    reason: /socket/,
  },
  {
    name: "worker",
    load: `
      import { Worker } from "node:worker_threads";
      const echo = "const { parentPort } = require('node:worker_threads'); parentPort.on('message', (m) => parentPort.postMessage(m));";
      const worker = new Worker(echo, { eval: true });
      await once(worker, "online");`,
    check: `worker.postMessage("x"); return (await once(worker, "message"))[0] === "x";`,
    reason: /worker|thread/,
  },
  {
    name: "child-process",
    load: `
      import { spawn } from "node:child_process";
      const child = spawn(process.execPath, ["-e", "process.stdin.pipe(process.stdout)"], { stdio: ["pipe", "pipe", "ignore"] });
      await once(child, "spawn");`,
    check: `child.stdin.write("x"); return String((await once(child.stdout, "data"))[0]) === "x";`,
    reason: /child process/,
  },
  {
    name: "child-process-that-ended",
    load: `
      import { execFileSync } from "node:child_process";
      const version = execFileSync(process.execPath, ["--version"], { encoding: "utf8" }).trim();`,
    check: "return version === process.version;",
  },
  {
    name: "web-assembly",
    load: `
      const bytes = Buffer.from("0061736d0100000001070160027f7f017f030201000707010361646400000a09010700200020016a0b", "hex");
      const { instance } = await WebAssembly.instantiate(bytes);
      for (let index = 0; index < 100_000; index += 1) instance.exports.add(index, 1);`,
    check: "return instance.exports.add(40, 2) === 42;",
  },
  {
    name: "native-addon",
    load: `
      const addon = { exports: {} as { load?: unknown } };
      process.dlopen(addon, "/app/addon.node");`,
    check: `return Object.keys(addon.exports).length > 0;`,
    files: { "addon.node": "" },
  },
  {
    name: "open-file",
    load: `
      import { openSync, readSync } from "node:fs";
      const fd = openSync("/app/data.txt", "r");`,
    check: `
      const buffer = Buffer.alloc(4);
      return readSync(fd, buffer, 0, 4, 0) === 4 && buffer.toString() === "data";`,
    reason: /open file/,
    files: { "data.txt": "data" },
  },
  {
    name: "file-written-at-load",
    load: `
      import { readFileSync, writeFileSync } from "node:fs";
      writeFileSync("/tmp/made-at-load", "made");`,
    check: `
      const { existsSync } = await import("node:fs");
      return !existsSync("/tmp/made-at-load") || readFileSync("/tmp/made-at-load", "utf8") === "made";`,
    reason: /wrote/,
  },
  {
    name: "file-watcher",
    load: `
      import { watch, writeFileSync } from "node:fs";
      const watcher = watch("/tmp");`,
    check: `
      const changed = once(watcher, "change");
      writeFileSync("/tmp/seen-" + process.hrtime.bigint(), "x");
      return (await changed).length === 2;`,
    reason: /watcher|inotify/,
    // It watches the writable layer of its first invocation, which the second one does not have.
    reuse: "never",
  },
  {
    name: "handlers-of-the-process",
    load: `
      const heard: string[] = [];
      process.on("SIGUSR2", () => heard.push("SIGUSR2"));
      process.on("warning", () => heard.push("warning"));
      process.on("exit", () => heard.push("exit"));`,
    check: `
      heard.length = 0;
      process.kill(process.pid, "SIGUSR2");
      while (heard.length === 0) await pause(5);
      return heard[0] === "SIGUSR2";`,
  },
  {
    name: "shared-memory",
    load: "const shared = new Int32Array(new SharedArrayBuffer(64)); Atomics.store(shared, 0, 1);",
    check: "return Atomics.add(shared, 1, 1) >= 0 && Atomics.load(shared, 0) === 1;",
  },
  {
    name: "keep-alive-agent",
    load: `
      import { Agent, createServer, get } from "node:http";
      const agent = new Agent({ keepAlive: true });
      const text = (port: number) => new Promise<string>((resolve, reject) =>
        get({ agent, port, host: "127.0.0.1" }, (response) => { response.on("data", (piece) => resolve(String(piece))); }).once("error", reject));
      const early = createServer((_request, response) => response.end("early")).listen(0, "127.0.0.1");
      await once(early, "listening");
      const first = await text((early.address() as { port: number }).port);
      early.closeAllConnections();
      await new Promise((resolve) => early.close(resolve));
      agent.destroy();`,
    check: `
      const server = createServer((_request, response) => response.end("late")).listen(0, "127.0.0.1");
      await once(server, "listening");
      const second = await text((server.address() as { port: number }).port);
      server.closeAllConnections();
      server.close();
      return first === "early" && second === "late";`,
  },
  {
    name: "work-in-the-thread-pool",
    load: `
      import { pbkdf2 } from "node:crypto";
      import { promisify } from "node:util";
      const key = promisify(pbkdf2)("password", "salt", 50_000, 16, "sha256");`,
    check: `return (await key).length === 16 && (await promisify(pbkdf2)("a", "b", 10, 16, "sha256")).length === 16;`,
  },
  {
    name: "promise-that-never-settles",
    load: "const never = new Promise(() => {}); never.then(() => { throw new Error('settled'); });",
    check: `return (await Promise.race([never, pause(5).then(() => "first")])) === "first";`,
  },
  {
    name: "async-storage-and-channels",
    load: `
      import { AsyncLocalStorage } from "node:async_hooks";
      import { channel } from "node:diagnostics_channel";
      const storage = new AsyncLocalStorage<string>();
      const heard: unknown[] = [];
      channel("probe").subscribe((message) => heard.push(message));`,
    check: `
      channel("probe").publish("x");
      return heard.at(-1) === "x" && await storage.run("inside", async () => { await pause(1); return storage.getStore() === "inside"; });`,
  },
  {
    name: "large-heap",
    load: "const rows = Array.from({ length: 200_000 }, (_, index) => ({ index, text: 'row ' + index }));",
    check: "rows.push({ index: -1, text: '' }); return rows[199_999]?.text === 'row 199999';",
  },
  {
    name: "zlib-and-streams",
    load: `
      import { createGzip, gunzipSync } from "node:zlib";
      const packer = createGzip();
      packer.write("begun at load, ");`,
    check: `
      const pieces: Buffer[] = [];
      if (packer.writableEnded) return true;
      packer.on("data", (piece) => pieces.push(piece));
      packer.end("ended in the call");
      await once(packer, "end");
      return gunzipSync(Buffer.concat(pieces)).toString() === "begun at load, ended in the call";`,
  },
];
