// What a fork copies and nobody may notice: thousands of clones of one zygote, and not one value of chance that two of
// them share; not in a Worker, not in a vm context made before or after the fork, and not for code with state of its own.

import test from "ava";
import { callAgainAndAgain } from "../../bench/keep-alive-callers.ts";
import { functionOf } from "../support/function-directory.ts";
import { startServer } from "../support/server.ts";

/** A full run takes minutes; every value of this many clones is compared with every other all the same. */
const clones = process.env.TSFN_FULL === "1" ? 5_000 : 1_000;
/** Where a clone does much else besides, such as to start a thread. */
const fewerClones = Math.round(clones / 5);

const sources = `
import { createContext, runInContext, runInNewContext } from "node:vm";
import * as crypto from "node:crypto";
import { readlinkSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { once } from "node:events";
import { pid as importedPid } from "node:process";
import { onFork } from "tsfn";

const older = createContext({});
const olderUsed = createContext({});
let token = crypto.randomUUID();
onFork(() => { token = crypto.randomUUID(); });
`;

/** Fills every cache of chance that the zygote would hand down. */
const useAtLoad = `
Math.random();
crypto.randomUUID();
crypto.randomInt(1000);
crypto.getRandomValues(new Uint8Array(8));
crypto.randomBytes(8);
runInContext("Math.random()", olderUsed);
runInNewContext("Math.random()");
crypto.generateKeyPairSync("ed25519");
const loadedAtMs = Date.now();
`;

const take = `
  const values = {
    random: Math.random(),
    randomAgain: Math.random(),
    older: runInContext("Math.random()", older),
    olderUsed: runInContext("Math.random()", olderUsed),
    newer: runInNewContext("Math.random()"),
    newerAgain: runInNewContext("Math.random()"),
    uuid: crypto.randomUUID(),
    uuidUncached: crypto.randomUUID({ disableEntropyCache: true }),
    webUuid: globalThis.crypto.randomUUID(),
    int: crypto.randomInt(2 ** 47),
    intLater: await new Promise((resolve) => crypto.randomInt(2 ** 47, (_error, value) => resolve(value))),
    webValues: Buffer.from(globalThis.crypto.getRandomValues(new Uint8Array(8))).toString("hex"),
    bytes: crypto.randomBytes(8).toString("hex"),
    key: crypto.generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "der" }).toString("hex"),
    token,
    instance: process.env.TSFN_INSTANCE_ID,
  };
  const pid = { told: process.pid, imported: importedPid, real: Number(readlinkSync("/proc/self")), parent: process.ppid };
  const originIsOwn = typeof loadedAtMs === "undefined" || performance.timeOrigin >= loadedAtMs;
`;

const inWorker = `
  const worker = new Worker(
    "const crypto = require('node:crypto'); require('node:worker_threads').parentPort.postMessage({" +
    "workerRandom: Math.random(), workerUuid: crypto.randomUUID(), workerInt: crypto.randomInt(2 ** 47)," +
    "workerValues: Buffer.from(crypto.getRandomValues(new Uint8Array(8))).toString('hex')," +
    "workerContext: require('node:vm').runInNewContext('Math.random()'), workerPid: process.pid })",
    { eval: true });
  const [{ workerPid, ...ofWorker }] = await once(worker, "message");
  await worker.terminate();
  return Response.json({ values: { ...values, ...ofWorker }, pid, originIsOwn, workerPid });
`;

const withoutWorker = "return Response.json({ values, pid, originIsOwn, workerPid: 1 });";

interface Answer {
  readonly values: Readonly<Record<string, string | number>>;
  readonly pid: unknown;
  readonly originIsOwn: boolean;
  readonly workerPid: number;
}

const cases = [
  ["node26", "function", "used before the fork", useAtLoad, withoutWorker, clones],
  ["node26", "function", "not used before the fork", "", withoutWorker, fewerClones],
  ["node26", "function", "with a Worker", useAtLoad, inWorker, fewerClones],
  ["node26", "runtime", "with the code loaded in the clone", useAtLoad, withoutWorker, fewerClones],
  ["node24", "function", "not used before the fork", "", withoutWorker, fewerClones],
  ["node24", "function", "with a Worker", useAtLoad, inWorker, fewerClones],
  ["node24", "runtime", "with the code loaded in the clone", useAtLoad, withoutWorker, fewerClones],
] as const;

for (const [runtime, prefork, how, load, answer, count] of cases) {
  test.serial(`${count} clones of ${runtime}, ${how}: no value of chance comes twice`, async (t) => {
    const server = await startServer(t);
    const manifest = { name: "chance", runtime, reuse: "never", prefork, limits: { memory: "256mb" } };
    await server.deploy(functionOf(t, manifest, take + answer, sources + load));
    const seen = new Map<unknown, string>();
    const repeated: string[] = [];
    let begun = 0;
    await callAgainAndAgain<Answer>(
      { port: Number(new URL(server.url()).port), callers: 4, patienceMs: 60_000 },
      () => {
        begun += 1;
        return begun <= count;
      },
      () => "/function/chance",
      (nonce, { status, document }) => {
        if (status !== 200) throw new Error(`clone ${nonce} answered ${status} ${JSON.stringify(document)}`);
        for (const [name, value] of Object.entries(document.values)) {
          const other = seen.get(value);
          if (other !== undefined) repeated.push(`${name} of ${nonce} is ${other}: ${value}`);
          seen.set(value, `${name} of ${nonce}`);
        }
        t.deepEqual(document.pid, { told: 1, imported: 1, real: 1, parent: 0 });
        // The clone began after a load that came before the fork, and before one that came after it.
        t.is(document.originIsOwn, prefork === "function", "performance.timeOrigin is the clone's");
        t.is(document.workerPid, 1);
      },
    );
    t.deepEqual(repeated.slice(0, 10), []);
    t.true(seen.size >= count * 16);
  });
}
