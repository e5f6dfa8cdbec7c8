// A door into a network namespace for a test that is outside: what connects to a unix socket is connected to the port of
// 127.0.0.1 that the Host header of its first request names.

import { connect, createServer } from "node:net";

const [, , path = ""] = process.argv;

createServer({ allowHalfOpen: true }, (outside) => {
  outside.on("error", () => {});
  outside.once("data", (first) => {
    outside.pause();
    const port = Number(/^host: 127\.0\.0\.1:(\d+)/im.exec(first.toString("latin1"))?.[1]);
    const inside = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    inside.on("error", () => outside.destroy());
    outside.on("close", () => inside.destroy());
    inside.write(first);
    outside.pipe(inside).pipe(outside);
  });
}).listen(path);

process.once("disconnect", () => process.exit());
