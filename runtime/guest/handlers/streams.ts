// Node's streams and the web's, one into the other, a piece at a time: nothing is read before the other side wants it.

import type { Readable, Writable } from "node:stream";

// Taken before the function's code runs, which may put its own in place.
const { ReadableStream } = globalThis;

/** `reason` tells why the source was broken off, where the source itself does not know. */
export function webStreamOf(source: Readable, reason: () => Error | null): ReadableStream<Uint8Array> {
  let isOver = false;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const finish = (end: () => void): void => {
          if (!isOver) end();
          isOver = true;
        };
        source.on("data", (piece: Buffer) => {
          source.pause();
          if (!isOver) controller.enqueue(piece);
        });
        source.on("end", () => finish(() => controller.close()));
        source.on("error", (error) => finish(() => controller.error(reason() ?? error)));
        source.on("close", () =>
          finish(() => controller.error(reason() ?? new Error("the body ended before it was complete"))),
        );
        source.pause();
      },
      pull() {
        source.resume();
      },
      cancel() {
        isOver = true;
        source.destroy();
      },
    },
    { highWaterMark: 0 },
  );
}

/** Resolves when all is written, or when nobody takes any more. @throws what the source fails with */
export async function drainInto(source: ReadableStream<Uint8Array>, sink: Writable): Promise<void> {
  const reader = source.getReader();
  let wake: () => void = () => {};
  const onEvent = (): void => wake();
  sink.on("drain", onEvent).once("close", onEvent);
  // A sink that fails is a sink that closes; why it failed is told where its answer is awaited.
  sink.on("error", onEvent);
  sink.once("close", () => void reader.cancel().catch(() => undefined));
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (sink.destroyed || sink.writableEnded) return;
      if (done) break;
      if (sink.write(value)) continue;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    sink.end();
  } finally {
    sink.off("drain", onEvent);
  }
}
