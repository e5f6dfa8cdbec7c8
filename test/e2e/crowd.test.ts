// Idle strangers on a server that may open few files: however many come, instances get the descriptors that they need.

import { once } from "node:events";
import { chmodSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import test from "ava";
import { tsfn } from "../support/command.ts";
import { functionDirectory, temporaryDirectory } from "../support/function-directory.ts";
import { startServer } from "../support/server.ts";
import { until } from "../support/until.ts";

const openFiles = 700;
const strangers = 900;
/** More than there are sandboxes made ahead, which have their descriptors already. */
const callers = 20;

for (const door of ["public", "admin"] as const) {
  test(`strangers who take every connection to the ${door} listener do not keep a caller's instances from starting`, async (t) => {
    const launcher = join(temporaryDirectory(t), "tsfn");
    writeFileSync(launcher, `#!/bin/bash\nulimit -n ${openFiles}\nexec ${tsfn} "$@"\n`);
    chmodSync(launcher, 0o755);
    const token = join(temporaryDirectory(t), "token");
    writeFileSync(token, "0123456789abcdef0123456789abcdef", { mode: 0o600 });
    const flags = ["--admin-listen", "127.0.0.1:0", "--token-file", token];
    const server = await startServer(t, { launcher, flags });
    const source = `export default { async fetch() { await new Promise((done) => setTimeout(done, 200)); return new Response("done"); } };`;
    await server.deploy(
      functionDirectory(t, { "tsfn.json": `{ "name": "slow", "scaling": { "max": ${callers} } }`, "index.ts": source }),
    );
    const agent = new Agent({ keepAlive: true, maxSockets: callers });
    t.teardown(() => agent.destroy());
    const call = async (path: string): Promise<string> => {
      const [response] = await once(get(`${server.url()}${path}`, { agent }), "response");
      return Buffer.concat(await response.toArray()).toString();
    };
    const all = (path: string) => Promise.all(Array.from({ length: callers }, () => call(path)));
    // Their connections stay open.
    await all("/healthz");
    const { adminUrl } = await server.ask<{ adminUrl: string }>("/v1/info");
    const port = Number(new URL(door === "public" ? server.url() : adminUrl).port);
    const sockets: Socket[] = [];
    t.teardown(() => {
      for (const socket of sockets) socket.destroy();
    });
    for (let stranger = 0; stranger < strangers; stranger += 1) {
      const socket = connect(port, "127.0.0.1").on("error", () => {});
      socket.resume();
      sockets.push(socket);
    }
    await until(
      "those that are too many are closed",
      () => sockets.filter(({ closed }) => closed).length > strangers - openFiles,
    );
    t.deepEqual(new Set(await all("/function/slow")), new Set(["done"]));
  });
}
