// Asks this machine's own resolvers, those of its /etc/resolv.conf, one after the other until one answers. An answer counts
// when it comes from where it was asked, has the number that only this question has, and repeats it.

import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { Resolver as SystemResolver } from "node:dns";
import { once } from "node:events";
import { connect, isIPv6 } from "node:net";
import { decode, encode, type OptAnswer, type Question, RECURSION_DESIRED } from "dns-packet";
import type { EgressLimits } from "./egress-messages.ts";
import { lengthIn, withLength } from "./name-stream.ts";

export type Transport = "udp" | "tcp";

export interface AskOptions {
  /** Whoever asks takes answers of more than 512 bytes over UDP (RFC 6891). */
  readonly hasOptions: boolean;
  readonly transport: Transport;
}

interface Server {
  readonly address: string;
  readonly port: number;
}

const refreshMs = 5_000;
/** Over UDP, before the next one is asked. */
const patienceMs = 1_500;
const udpPayloadSize = 1_232;

export class Resolver {
  readonly #limits: Pick<EgressLimits, "lookupTimeoutMs">;
  readonly #now: () => number;
  #servers: readonly Server[] = [];
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor(limits: Pick<EgressLimits, "lookupTimeoutMs">, now: () => number) {
    this.#limits = limits;
    this.#now = now;
  }

  /** The whole answer. Rejects when none of the resolvers answers in time. */
  async ask(question: Question, { hasOptions, transport }: AskOptions): Promise<Buffer> {
    const over = AbortSignal.timeout(this.#limits.lookupTimeoutMs);
    const askOne = transport === "udp" ? askByDatagram : askByStream;
    let cause: unknown = new Error("the server has no resolver");
    const servers = this.#read();
    for (const server of [...servers, ...servers]) {
      const id = randomInt(0x1_0000);
      const query = encode({
        type: "query",
        id,
        flags: RECURSION_DESIRED,
        questions: [question],
        ...(hasOptions && { additionals: [options()] }),
      });
      try {
        const turn = AbortSignal.any([over, AbortSignal.timeout(patienceMs)]);
        return await askOne(server, query, (bytes) => isAnswer(bytes, id, question), turn);
      } catch (thrown) {
        if (over.aborted) throw thrown;
        cause = thrown;
      }
    }
    throw cause;
  }

  #read(): readonly Server[] {
    if (this.#now() - this.#readAtMs < refreshMs) return this.#servers;
    this.#readAtMs = this.#now();
    this.#servers = new SystemResolver().getServers().map(parseServer);
    return this.#servers;
  }
}

const options = (): OptAnswer => ({
  type: "OPT",
  name: ".",
  udpPayloadSize,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0,
  flag_do: false,
  options: [],
});

async function askByDatagram(
  { address, port }: Server,
  query: Buffer,
  isAnswer: (bytes: Buffer) => boolean,
  signal: AbortSignal,
): Promise<Buffer> {
  const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  // What comes from elsewhere the kernel drops, because it is connected; what is not the answer is a forgery, or late.
  socket.on("message", (bytes) => isAnswer(bytes) && resolve(bytes));
  socket.on("error", reject);
  const stop = () => reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    // Node calls back on a failure, too; sending would throw then, where nobody can catch it.
    const connected = (error?: Error) =>
      error ? reject(error) : socket.send(query, (error) => error && reject(error));
    socket.connect(port, address, connected);
    return await promise;
  } finally {
    signal.removeEventListener("abort", stop);
    socket.close();
  }
}

async function askByStream(
  { address, port }: Server,
  query: Buffer,
  isAnswer: (bytes: Buffer) => boolean,
  signal: AbortSignal,
): Promise<Buffer> {
  const socket = connect({ host: address, port, signal });
  try {
    await once(socket, "connect", { signal });
    socket.write(withLength(query));
    let bytes = Buffer.alloc(0);
    for await (const piece of socket) {
      bytes = Buffer.concat([bytes, piece as Buffer]);
      const length = lengthIn(bytes);
      if (length === null) continue;
      const answer = bytes.subarray(2, 2 + length);
      if (!isAnswer(answer)) break;
      return answer;
    }
    throw new Error(`${address} did not answer over TCP`);
  } finally {
    socket.destroy();
  }
}

function isAnswer(bytes: Buffer, id: number, { type, name }: Question): boolean {
  try {
    const packet = decode(bytes);
    const [repeated] = packet.questions ?? [];
    const isSame = repeated?.type === type && repeated.name.toLowerCase() === name.toLowerCase();
    return packet.id === id && packet.type === "response" && isSame;
  } catch {
    return false;
  }
}

/** `192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`. */
function parseServer(text: string): Server {
  const found = /^(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(text);
  return found === null ? { address: text, port: 53 } : { address: found[1] ?? found[2] ?? "", port: Number(found[3]) };
}
