// The servers of a test's small internet, on every address of their network namespace: HTTP on 80, HTTPS on 443, a name
// server on 53, an echo that says goodbye on 7. The test tells it names over its channel, and every word is answered with
// what has been seen so far.

import { createHash } from "node:crypto";
import { createSocket } from "node:dgram";
import { readFileSync } from "node:fs";
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { Readable } from "node:stream";
import { type Answer, decode, encode } from "dns-packet";

const [, , directory = ""] = process.argv;
const names = new Map<string, { readonly addresses: readonly string[]; readonly ttlS: number }>();
const lookups: string[] = [];
let [open, accepted] = [0, 0];

const read = (name: string) => readFileSync(join(directory, name));
const servers: readonly (readonly [Server, number])[] = [
  [createHttpServer(answer), 80],
  [createHttpsServer({ key: read("key.pem"), cert: read("cert.pem") }, answer), 443],
  [createServer({ allowHalfOpen: true }, echo), 7],
  [createServer(nameStream), 53],
];
for (const [server, port] of servers) {
  server.on("connection", (socket) => {
    open += 1;
    accepted += 1;
    socket.on("error", () => {});
    socket.once("close", () => {
      open -= 1;
    });
  });
  server.listen(port, "::");
}
const datagrams = createSocket("udp4");
datagrams.on("message", (question, { port, address }) => {
  const said = lookUp(question);
  // Truncated: to be asked again over TCP.
  const isLong = said.length > 512;
  datagrams.send(isLong ? lookUp(question, { isTruncated: true }) : said, port, address);
});
datagrams.bind(53, "1.1.1.1", () => process.send?.({}));

process.on("message", ({ name, addresses, ttlS }: { name?: string; addresses: string[]; ttlS: number }) => {
  if (name !== undefined) names.set(name, { addresses, ttlS });
  process.send?.({ open, accepted, lookups });
});
process.once("disconnect", () => process.exit());

function lookUp(question: Buffer, { isTruncated = false } = {}): Buffer {
  const { id = 0, questions = [] } = decode(question);
  const [{ type, name } = { type: "A", name: "" }] = questions;
  const known = names.get(name.toLowerCase());
  if (!isTruncated) lookups.push(`${type} ${name}`);
  const isWanted = (address: string) => (type === "AAAA") === address.includes(":") && /^A/.test(type);
  const addresses = known?.addresses.filter(isWanted) ?? [];
  const answers = addresses.map((data) => ({ type, name, ttl: known?.ttlS, data }) as Answer);
  const flags = 0x0180 | (isTruncated ? 0x0200 : 0) | (known === undefined ? 3 : 0);
  return encode({ type: "response", id, flags, questions, answers: isTruncated ? [] : answers });
}

function nameStream(socket: import("node:net").Socket): void {
  socket.once("data", (bytes) => {
    const said = lookUp(Buffer.from(bytes).subarray(2));
    const length = Buffer.alloc(2);
    length.writeUInt16BE(said.length);
    socket.end(Buffer.concat([length, said]));
  });
}

/** What comes, until the end, and then how much it was. */
function echo(socket: import("node:net").Socket): void {
  let bytes = 0;
  socket.on("data", (piece) => {
    bytes += piece.length;
    if (!socket.write(piece)) socket.pause();
  });
  socket.on("drain", () => socket.resume());
  socket.on("end", () => socket.end(`bye ${bytes}`));
}

/** `/bytes?n=`: so many; PUT: their sha256; everything else: what it looked like from here. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? "/", "http://world");
  if (url.pathname === "/bytes") {
    Readable.from(pieces(Number(url.searchParams.get("n")))).pipe(response);
    return;
  }
  if (url.pathname === "/hang") return;
  const hash = createHash("sha256");
  if (request.method === "PUT") for await (const piece of request) hash.update(piece as Buffer);
  const { remoteAddress, localAddress, localPort } = request.socket;
  const seen = { host: request.headers.host, remoteAddress, localAddress, localPort };
  response.end(JSON.stringify(request.method === "PUT" ? { sha256: hash.digest("hex") } : seen));
}

function* pieces(bytes: number): Generator<Buffer> {
  for (let at = 0, index = 0; at < bytes; index += 1) {
    const piece = Buffer.alloc(Math.min(65_536, bytes - at), index % 251);
    at += piece.length;
    yield piece;
  }
}
