// A raw HTTP exchange that notes when the first byte of the answer arrives; no client library in between.

import { once } from "node:events";
import { connect } from "node:net";
import { now } from "../runtime/trace.ts";

export interface FirstByte {
  /** On the clock of `now`: the last byte of the request was handed to the kernel. */
  readonly sentAtMs: number;
  readonly firstByteAtMs: number;
  /** Status line and headers. */
  readonly head: string;
  /** As it came, chunk sizes included. */
  readonly body: string;
}

/** A port of 127.0.0.1, or a unix socket. @param onFirstByte is called before anything else happens, to read meters at that moment */
export async function getFirstByte(
  where: number | { readonly path: string },
  path: string,
  onFirstByte: () => void,
): Promise<FirstByte> {
  const socket = connect(typeof where === "number" ? { port: where, host: "127.0.0.1", noDelay: true } : where);
  try {
    await once(socket, "connect");
    const sentAtMs = now();
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    const [first] = (await once(socket, "data")) as [Buffer];
    const firstByteAtMs = now();
    onFirstByte();
    let text = first.toString("latin1");
    for await (const piece of socket as AsyncIterable<Buffer>) text += piece.toString("latin1");
    const end = text.indexOf("\r\n\r\n");
    return { sentAtMs, firstByteAtMs, head: text.slice(0, end), body: text.slice(end + 4) };
  } finally {
    socket.destroy();
  }
}

/** @throws Error unless the status is 200. */
export function requireStatus({ head, body }: Pick<FirstByte, "head" | "body">): void {
  if (!head.startsWith("HTTP/1.1 200 ")) throw new Error(`wanted an answer with status 200, got:\n${head}\n\n${body}`);
}

export function isCold({ head }: Pick<FirstByte, "head">): boolean {
  return /^x-tsfn-cold: 1$/im.test(head);
}
