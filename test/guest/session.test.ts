// The guest's end of the stream, fed as its socket feeds it: every piece in the same memory.

import { Socket } from "node:net";
import { PassThrough } from "node:stream";
import test from "ava";
import type { CallSite } from "../../runtime/guest/call.ts";
import { noLayer } from "../../runtime/guest/layer-watch.ts";
import { installLightRequest } from "../../runtime/guest/light-request.ts";
import { installLightResponse } from "../../runtime/guest/light-response.ts";
import { Session } from "../../runtime/guest/session.ts";
import {
  decodeAnswer,
  encodeInvoke,
  FrameDecoder,
  FrameWriter,
  type Invoke,
  toDaemon,
  toGuest,
} from "../../runtime/wire/index.ts";

installLightRequest();
installLightResponse();

const invoke = (url: string): Invoke => ({
  ...{ requestId: "r", method: "POST", url, headers: ["host", "h"], hasBody: true, remainingMs: 1_000 },
});

test("frames that wait, for the function or for their turn, and bodies that nobody reads yet keep what they said", async (t) => {
  const out = new PassThrough();
  const writer = new FrameWriter(out);
  const session = new Session({
    ...{ writer, layer: noLayer, takeTicket: () => true },
    ...{ onInit: () => t.fail(), onAdopt: () => t.fail(), onEnd: () => {} },
  });
  const wire = new Socket();
  t.teardown(() => wire.destroy());
  session.listen(wire);
  const memory = Buffer.alloc(65_536);
  const arrive = async (send: (frames: FrameWriter) => void) => {
    const frames = new PassThrough();
    const sender = new FrameWriter(frames);
    send(sender);
    sender.flush();
    const bytes: Buffer = frames.read();
    bytes.copy(memory);
    wire.emit("data", memory.subarray(0, bytes.length));
    memory.fill(0x7a);
  };
  await arrive((frames) => frames.sendText(toGuest.invoke, 1, encodeInvoke(invoke("http://h/early"))));
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const handler: CallSite["handler"] = {
    shape: "fetch",
    async answer(incoming) {
      await gate;
      const request = incoming.request();
      return new Response(`${new URL(request.url).pathname} ${await request.text()}`);
    },
  };
  session.serve({ writer, handler, env: {} });
  await arrive((frames) => frames.sendText(toGuest.ahead, 2, encodeInvoke(invoke("http://h/ahead"))));
  await arrive((frames) => frames.send(toGuest.body, 1, Buffer.from("first ")));
  await arrive((frames) => frames.send(toGuest.body, 1, Buffer.from("second")));
  await arrive((frames) => frames.send(toGuest.bodyEnd, 1));
  open();
  const answers: string[] = [];
  const decoder = new FrameDecoder();
  for await (const chunk of out) {
    decoder.push(chunk, ({ kind, payload }) => {
      if (kind === toDaemon.answer) answers.push(decodeAnswer(payload).body.toString());
    });
    if (answers.length === 1) await arrive((frames) => frames.send(toGuest.bodyEnd, 2));
    if (answers.length === 2) break;
  }
  t.deepEqual(answers, ["/early first second", "/ahead "]);
});
