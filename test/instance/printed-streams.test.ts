// process.stdout as the end of a stream: what waits for it to be written does not wait for ever, and it is never at its end.

import test from "ava";
import { startFunction, textOf, until } from "../support/live-function.ts";

test("a pipeline into stdout ends with its source, well or not, and stdout takes more", async (t) => {
  const { call, lines, reports } = await startFunction(
    t,
    `import { Readable, Writable } from "node:stream";
     import { finished, pipeline } from "node:stream/promises";
     async function* failing() { yield "two\\n"; throw new Error("no source"); }
     export default { async fetch() {
       await pipeline(Readable.from(["o", "ne\\n"]), process.stdout);
       await pipeline(Readable.from(failing()), process.stdout).catch(({ message }) => console.log(message));
       await new Blob(["three\\n"]).stream().pipeTo(Writable.toWeb(process.stdout));
       const over = finished(process.stderr);
       await new Promise((resolve) => process.stderr.end("Zm91cgo=", "base64", resolve));
       await over;
       console.log(process.stdout.writable, process.stderr.writable);
       return new Response("done");
     } };`,
  );
  for (let round = 1; round <= 12; round += 1) {
    t.is(await textOf(await call()), "done");
    await until(() => reports.length === round);
    t.deepEqual(
      lines.splice(0).map(({ stream, msg }) => `${stream} ${msg}`),
      ["stdout one", "stdout two", "stdout no source", "stdout three", "stderr four", "stdout true true"],
    );
  }
});
