// Questions to a name server over TCP: each, and each answer, with its length before it (RFC 1035, 4.2.2), one after the
// other.

import type { Socket } from "node:net";

const idleTimeoutMs = 10_000;
const maxQuestionBytes = 4_096;

/** Resolves when the stream is over. Never rejects. */
export async function serveNameStream(
  socket: Socket,
  answer: (question: Buffer) => Promise<Buffer | null>,
): Promise<void> {
  socket.setTimeout(idleTimeoutMs, () => socket.destroy());
  let rest = Buffer.alloc(0);
  try {
    for await (const piece of socket) {
      rest = Buffer.concat([rest, piece as Buffer]);
      for (let length = lengthIn(rest); length !== null; length = lengthIn(rest)) {
        const answered = await answer(rest.subarray(2, 2 + length));
        rest = rest.subarray(2 + length);
        if (answered === null) throw new Error("that was no question");
        // Whoever does not read its answers gets no more of them.
        await written(socket, withLength(answered));
      }
      if (rest.length > 2 + maxQuestionBytes) throw new Error("the question is too long");
    }
    socket.end();
  } catch {
    // Whoever asks gets no reason: the stream ends.
    socket.destroy();
  }
}

export function withLength(message: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return Buffer.concat([length, message]);
}

/** Resolves when the kernel has it. Rejects when the socket is closed before. */
function written(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

/** Of the message that is complete; null while none is. */
export function lengthIn(bytes: Buffer): number | null {
  if (bytes.length < 2) return null;
  const length = bytes.readUInt16BE(0);
  return bytes.length < 2 + length ? null : length;
}
