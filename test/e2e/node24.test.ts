// Functions that ask for Node 24, on a server whose other functions run on Node 26: every shape in every way to start, from
// one version to the other and back, over a restart, hundreds of clones, and a server that has no Node 24.

import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { callAgainAndAgain } from "../../bench/keep-alive-callers.ts";
import { root } from "../architecture/tree.ts";
import { tsfn } from "../support/command.ts";
import {
  example,
  functionDirectory,
  functionOf,
  passableDirectory,
  writeSource,
} from "../support/function-directory.ts";
import { type Server, startServer } from "../support/server.ts";

/** A full run takes minutes. */
const clones = process.env.TSFN_FULL === "1" ? 2_000 : 200;

const told = `process.version.split(".")[0] + " " + process.pid`;

/** `using` is what Node 24 knows and esbuild need not rewrite. */
const shapes: Readonly<Record<string, string>> = {
  fetch: `class Held { [Symbol.dispose]() {} }
    export default { fetch() { using held = new Held(); return new Response(held && (${told})); } };`,
  lambda: `export const handler = async () => ({ statusCode: 200, body: ${told} });`,
  node: `export default (_request, response) => response.end(${told});`,
  server: `import { createServer } from "node:http";
    createServer((_request, response) => response.end(${told})).listen(process.env.PORT);`,
};

const textOf = async (server: Server, name: string): Promise<string> => {
  const response = await server.fetch(`/function/${name}`);
  return `${response.status} ${await response.text()}`;
};

for (const prefork of ["function", "runtime", "none"]) {
  test.serial(`every shape runs on Node 24 with prefork "${prefork}", for one invocation, too`, async (t) => {
    const server = await startServer(t);
    for (const [handler, source] of Object.entries(shapes)) {
      for (const reuse of ["process", "never"]) {
        const name = `${handler}-${reuse}`;
        const manifest = { name, runtime: "node24", handler, prefork, reuse };
        await server.deploy(functionDirectory(t, { "tsfn.json": JSON.stringify(manifest), "index.ts": source }));
        const answers = await Promise.all([textOf(server, name), textOf(server, name)]);
        t.deepEqual([...answers, await textOf(server, name)], Array(3).fill("200 v24 1"), name);
      }
    }
    const inspected = JSON.parse((await server.cli(["inspect", "fetch-process", "--json"])).stdout);
    t.like(inspected.current.manifest, { runtime: "node24" });
    t.deepEqual(inspected.prefork, { wanted: prefork, mode: prefork, reason: null });
  });
}

test.serial("a function goes from Node 26 to Node 24 and back, and both live on over a restart", async (t) => {
  const server = await startServer(t);
  const directory = functionOf(t, { name: "hello" }, `return new Response(${told});`);
  const other = functionOf(t, { name: "other" }, `return new Response(${told});`);
  await server.deploy(directory);
  await server.deploy(other);
  const layersOf = async () => JSON.parse((await server.cli(["inspect", "hello", "--json"])).stdout).layers as string[];
  const [, guest, newer] = await layersOf();
  t.is(await textOf(server, "hello"), "200 v26 1");
  writeSource(directory, "tsfn.json", JSON.stringify({ name: "hello", runtime: "node24" }));
  await server.deploy(directory);
  t.is(await textOf(server, "hello"), "200 v24 1");
  t.is(await textOf(server, "other"), "200 v26 1");
  const [, sameGuest, older] = await layersOf();
  t.is(sameGuest, guest);
  t.not(older, newer);

  for (const [number, answer] of [
    [1, "200 v26 1"],
    [2, "200 v24 1"],
  ] as const) {
    t.is((await server.cli(["rollback", "hello", String(number)])).code, 0);
    t.is(await textOf(server, "hello"), answer);
    await server.stop();
    await server.start();
    t.is(await textOf(server, "hello"), answer, "after a restart");
    // A deploy collects what nobody uses.
    await server.deploy(functionOf(t, { name: `next-${number}` }, `return new Response(${told});`));
  }
  t.is((await server.cli(["rollback", "hello", "1"])).code, 0);
  t.is(await textOf(server, "hello"), "200 v26 1");
});

test.serial(`${clones} clones of Node 24 use all that a fork could have broken`, async (t) => {
  const server = await startServer(t);
  const source = `import { once } from "node:events"; import { Worker } from "node:worker_threads"; import whole from "./whole.ts";
    export default { async fetch() {
      const worker = new Worker("require('node:worker_threads').parentPort.postMessage(process.version)", { eval: true });
      const [version] = await once(worker, "message");
      await worker.terminate();
      return Response.json({ ...(await (await whole.fetch()).json()), worker: version.split(".")[0] });
    } };`;
  const manifest = { name: "exercise", runtime: "node24", reuse: "never", limits: { memory: "256mb" } };
  const directory = functionDirectory(t, { "tsfn.json": JSON.stringify(manifest), "index.ts": source });
  writeSource(directory, "whole.ts", readFileSync(join(example("exercise"), "index.ts"), "utf8"));
  await server.deploy(directory);
  const well = {
    collected: true,
    waited: true,
    file: "file",
    inflated: "zlib",
    sum: 42,
    fetched: "fetch",
    worker: "v24",
  };
  let begun = 0;
  await callAgainAndAgain<object>(
    { port: Number(new URL(server.url()).port), callers: 4, patienceMs: 60_000 },
    () => {
      begun += 1;
      return begun <= clones;
    },
    () => "/function/exercise",
    (nonce, { status, document }) => {
      t.is(status, 200, `${nonce}: ${JSON.stringify(document)}`);
      t.like(document, well, nonce);
    },
  );
});

test.serial("a server without Node 24 refuses what asks for it, says what to install, and runs the rest", async (t) => {
  const base = passableDirectory(t);
  // What one mount namespace sees of an installation in which the optional package is missing.
  const [hidden, launcher] = [join(base, "hidden"), join(base, "tsfn")];
  const place = join(root, `node_modules/node24-linux-${process.arch}`);
  const start = `exec unshare --mount sh -c 'mount -t tmpfs none ${place} && exec ${tsfn} "$@"' sh "$@"`;
  writeFileSync(launcher, `#!/bin/sh\n[ -e ${hidden} ] && ${start}\nexec ${tsfn} "$@"\n`);
  chmodSync(launcher, 0o755);
  const server = await startServer(t, { base, launcher });
  const manifest = { name: "older", runtime: "node24" };
  await server.deploy(functionOf(t, manifest, `return new Response(${told});`));
  t.is(await textOf(server, "older"), "200 v24 1");
  await server.deploy(functionOf(t, { name: "newer" }, `return new Response(${told});`));

  await server.stop();
  writeFileSync(hidden, "");
  await server.start();
  t.is(await textOf(server, "newer"), "200 v26 1");
  const answer = await server.fetch("/function/older");
  t.is(answer.status, 503);
  t.like(await answer.json(), { code: "STARTUP_FAILED", detail: "older@1 did not start (RUNTIME_NOT_INSTALLED)" });
  t.is((await server.cli(["inspect", "older"])).code, 0);
  const again = functionOf(t, { ...manifest, name: "again" }, `return new Response(${told});`);
  const { code, stderr } = await server.cli(["deploy", again]);
  t.is(code, 1);
  t.regex(stderr, /the runtime node24 needs the package node24-linux-\w+, which is not installed/);
  t.regex(stderr, /npm install/);
  t.is((await server.cli(["inspect", "again"])).code, 3, "nothing of it is left");

  await server.stop();
  rmSync(hidden);
  await server.start();
  t.is(await textOf(server, "older"), "200 v24 1");
});
