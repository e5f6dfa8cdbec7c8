// Many calls at the same time over connections that are open already, held until the caller lets go: each of them keeps
// an instance when the function streams (functions/hold).

import { connect, type Socket } from "node:net";
import { now } from "../runtime/trace.ts";

export interface HeldCalls {
  /** From the first request to the first byte of each answer, ascending. */
  readonly answeredMs: readonly number[];
  /** Hangs up; what still streams is cancelled. */
  release(): void;
}

/** @throws Error when an answer is not 200 or its body does not begin. @param onStart when all connections are open */
export async function holdCalls(
  port: number,
  path: string,
  count: number,
  onStart: () => void = () => undefined,
): Promise<HeldCalls> {
  const sockets = await Promise.all(Array.from({ length: count }, () => openConnection(port)));
  const release = () => {
    for (const socket of sockets) socket.destroy();
  };
  try {
    onStart();
    const startedAtMs = now();
    const answers = await Promise.all(sockets.map((socket) => firstBody(socket, path)));
    return { answeredMs: answers.map((atMs) => atMs - startedAtMs).sort((a, b) => a - b), release };
  } catch (error) {
    release();
    throw error;
  }
}

async function openConnection(port: number): Promise<Socket> {
  const socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  return socket;
}

/** When the first byte of the answer arrived. */
async function firstBody(socket: Socket, path: string): Promise<number> {
  socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  let text = "";
  let firstByteAtMs: number | undefined;
  for await (const piece of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    firstByteAtMs ??= now();
    text += piece.toString("latin1");
    if (!/^HTTP\/1\.1 200 /.test(text)) throw new Error(`${path} was answered with:\n${text}`);
    if (/\r\n\r\n.*(?:held|Hello, world)/s.test(text)) return firstByteAtMs;
  }
  throw new Error(`${path} was cut off after:\n${text}`);
}
