// Bodies stream both ways: a body far larger than anybody's memory goes through, and neither end is held up whole.

import { once } from "node:events";
import { request } from "node:http";
import { setTimeout as pause } from "node:timers/promises";
import test from "ava";
import { example } from "../support/function-directory.ts";
import { readProc } from "../support/processes.ts";
import { startServer } from "../support/server.ts";

const chunk = Buffer.alloc(1_048_576);
for (let index = 0; index < chunk.length; index += 1) chunk[index] = index % 251;

test.serial("1 GiB streams through echo while the daemon's memory stays flat", async (t) => {
  const server = await startServer(t);
  await server.deploy(example("echo"));
  t.is((await server.fetch("/function/echo", { method: "POST", body: chunk.subarray(0, 65_536) })).status, 200);

  const upload = request(`${server.url()}/function/echo`, { method: "POST" });
  const responded = once(upload, "response");
  const sent = send(upload, 1_024);
  const [response] = await responded;
  t.is(response.statusCode, 200);
  let received = 0;
  let wrong = 0;
  const peaks = { firstHalf: 0, secondHalf: 0 };
  for await (const piece of response as AsyncIterable<Buffer>) {
    const first = received % chunk.length;
    if (piece[0] !== chunk[first] || !matches(piece, first)) wrong += 1;
    if (Math.floor(received / 2 ** 26) !== Math.floor((received + piece.length) / 2 ** 26)) {
      const half = received < 2 ** 29 ? "firstHalf" : "secondHalf";
      peaks[half] = Math.max(peaks[half], residentBytes(server.info().pid));
    }
    received += piece.length;
  }
  await sent;
  t.is(received, 1_024 * chunk.length);
  t.is(wrong, 0, "pieces that differ from what was sent");
  // The heap finds its size early on; what is held on to would show as half a GiB more.
  const growthMiB = Math.round((peaks.secondHalf - peaks.firstHalf) / 2 ** 20);
  t.log(`peak ${Math.round(peaks.secondHalf / 2 ** 20)} MiB, ${growthMiB} MiB above that of the first half`);
  t.true(peaks.firstHalf > 0 && growthMiB < 32);
  t.true(peaks.secondHalf < 512 * 2 ** 20);
});

test.serial("a client that stops reading stops the function's writing and the client's own upload", async (t) => {
  const server = await startServer(t);
  await server.deploy(example("echo"));
  const upload = request(`${server.url()}/function/echo`, { method: "POST" });
  const responded = once(upload, "response");
  upload.on("error", () => {});
  let written = 0;
  const pump = (): void => {
    while (written < 256 * chunk.length) {
      written += chunk.length;
      if (!upload.write(chunk)) return void upload.once("drain", pump);
    }
  };
  pump();
  const [response] = await responded;
  response.on("error", () => {});
  let seen = -1;
  while (seen !== written) {
    seen = written;
    await pause(500);
  }
  t.true(written < 64 * chunk.length, `${written} bytes were taken in although nobody reads the answer`);
  upload.destroy();
  const answer = await server.fetch("/function/echo", { method: "POST", body: "still here" });
  t.is(await answer.text(), "still here");
});

async function send(upload: ReturnType<typeof request>, chunks: number): Promise<void> {
  for (let index = 0; index < chunks; index += 1) if (!upload.write(chunk)) await once(upload, "drain");
  upload.end();
}

function matches(piece: Buffer, from: number): boolean {
  let offset = 0;
  while (offset < piece.length) {
    const start = (from + offset) % chunk.length;
    const length = Math.min(piece.length - offset, chunk.length - start);
    if (piece.compare(chunk, start, start + length, offset, offset + length) !== 0) return false;
    offset += length;
  }
  return true;
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readProc(pid, "status") ?? "")?.[1] ?? Number.NaN) * 1_024;
}
