// Uses everything of Node that a fork could have broken, once: garbage collection, timers, files, zlib, crypto,
// WebAssembly, and fetch to a server of its own. Answers what each came to.

import { pbkdf2, randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { promisify } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { gunzip, gzip } from "node:zlib";
import type { ExportedHandler } from "tsfn";

export default {
  async fetch() {
    return Response.json({
      collected: collectGarbage(),
      waited: await wait(1, true),
      file: await writeAndRead("file"),
      inflated: await deflateAndInflate("zlib"),
      key: (await promisify(pbkdf2)("password", "salt", 100, 16, "sha256")).toString("hex"),
      sum: await addInWasm(40, 2),
      fetched: await fetchFromSelf("fetch"),
    });
  },
} satisfies ExportedHandler;

/** Both generations: much garbage for the young one, and a full collection. */
function collectGarbage(): boolean {
  let kept = 0;
  for (let index = 0; index < 100_000; index += 1) kept += { index, text: `${index}` }.text.length;
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return kept > 0;
}

async function writeAndRead(text: string): Promise<string> {
  const path = `/tmp/${randomUUID()}`;
  await writeFile(path, text);
  const read = await readFile(path, "utf8");
  await rm(path);
  return read;
}

async function deflateAndInflate(text: string): Promise<string> {
  const packed = await promisify(gzip)(text);
  return (await promisify(gunzip)(packed)).toString();
}

/** (module (func (export "add") (param i32 i32) (result i32) local.get 0 local.get 1 i32.add)) */
const adder = Buffer.from("0061736d0100000001070160027f7f017f030201000707010361646400000a09010700200020016a0b", "hex");

/** Node's types do not say that the global exists. */
interface Engine {
  instantiate(bytes: Uint8Array): Promise<{ instance: { exports: { add(left: number, right: number): number } } }>;
}

async function addInWasm(left: number, right: number): Promise<number> {
  const { WebAssembly: engine } = globalThis as unknown as { WebAssembly: Engine };
  const { instance } = await engine.instantiate(adder);
  return instance.exports.add(left, right);
}

async function fetchFromSelf(text: string): Promise<string> {
  const server = createServer((_request, response) => response.end(text)).listen(0, "127.0.0.1");
  try {
    await once(server, "listening");
    const response = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    return await response.text();
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
